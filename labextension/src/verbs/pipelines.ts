/**
 * The verbs of pipelines, in the order of menus; those of other nouns are in modules of their own.
 */
import { IPipelineItem } from '../catalog/pipelines';
import { IWallaroo } from '../tokens';
import { CopyCurl } from './curl';
import { Deploy } from './deploy';
import { RollBack } from './rollback';
import { Scale } from './scale';
import { Undeploy } from './undeploy';
import { IVerb } from './verb';

export function pipelineVerbs(
  wallaroo: IWallaroo
): readonly IVerb<IPipelineItem>[] {
  return [
    new Deploy(wallaroo),
    new Scale(wallaroo),
    new RollBack(wallaroo),
    new Undeploy(wallaroo),
    new CopyCurl(wallaroo)
  ];
}
