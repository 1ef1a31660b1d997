/**
 * The verbs, in the order of menus.
 */
import { IWallaroo } from '../tokens';
import { CopyCurl } from './curl';
import { Deploy } from './deploy';
import { RollBack } from './rollback';
import { Scale } from './scale';
import { Undeploy } from './undeploy';
import { IVerb } from './verb';

export function verbs(wallaroo: IWallaroo): readonly IVerb[] {
  return [
    new Deploy(wallaroo),
    new Scale(wallaroo),
    new RollBack(wallaroo),
    new Undeploy(wallaroo),
    new CopyCurl(wallaroo)
  ];
}
