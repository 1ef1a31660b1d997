/**
 * All there is to see of one pipeline.
 */
import React, { useCallback, useState } from 'react';

import { IPipelineItem, statusText } from '../catalog/pipelines';
import { CommandIDs, IWallaroo } from '../tokens';
import { IRecord, ITraffic } from '../wire';
import { complain, IVerb } from '../verbs/verb';
import { Head } from './head';
import { usePeriod, useRead } from './hooks';
import { LogSection } from './log';
import { Replicas } from './replicas';
import { TrafficSection } from './traffic';
import { TryIt } from './tryit';
import { Versions } from './versions';

export function PipelineView(props: {
  readonly wallaroo: IWallaroo;
  readonly verbs: readonly IVerb<IPipelineItem>[];
  readonly item: IPipelineItem;
  readonly isVisible: boolean;
}): JSX.Element {
  const { item, isVisible, verbs } = props;
  const { rest, settings, trans } = props.wallaroo;
  const { pipeline } = item;
  const id = pipeline.pipeline_id;
  const traffic = useRead<ITraffic>(
    () => rest.post('pipelines/get_traffic', { pipeline_id: id }),
    isVisible,
    [id]
  );
  usePeriod(traffic.again, settings.refreshPeriod_s, isVisible);
  const [answers, setAnswers] = useState(0);
  const [example, setExample] = useState<IRecord | null>(null);
  const onRecords = useCallback(
    (records: readonly IRecord[]) => setExample(records[0] ?? null),
    []
  );
  const rollBack = (version: string): void => {
    const verb = verbs.find(known => known.id === CommandIDs.rollback);
    verb?.execute(item, { version }).catch(complain);
  };
  const news = `${traffic.value?.total_requests}/${answers}`;
  const common = { rest, pipeline, isVisible, trans };
  return (
    <div className="jp-wallaroo-view">
      <Head
        item={item}
        words={statusText(pipeline.status, trans)}
        beside={pipeline.deployment && <code>{pipeline.deployment}</code>}
        verbs={verbs}
        trans={trans}
      />
      {pipeline.reason !== null && (
        <p className="jp-wallaroo-problem" role="alert">
          {pipeline.reason}
        </p>
      )}
      <div className="jp-wallaroo-columns">
        <div>
          <TrafficSection
            traffic={traffic.value}
            error={traffic.error}
            trans={trans}
          />
          <Replicas {...common} />
          <Versions
            {...common}
            onRollBack={rollBack}
          />
        </div>
        <div>
          <TryIt
            {...common}
            example={example}
            onAnswer={() => {
              setAnswers(answers + 1);
              traffic.again();
            }}
          />
          <LogSection
            {...common}
            pageSize={settings.logPageSize}
            news={news}
            onRecords={onRecords}
          />
        </div>
      </div>
    </div>
  );
}
