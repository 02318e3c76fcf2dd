import { Handle, type NodeProps, Position } from '@xyflow/react'
import { CircleAlert, Filter, RotateCw, TriangleAlert, Undo2 } from 'lucide-react'
import { memo } from 'react'
import { classes } from '@/components/classes'
import { FarPorts } from '@/graph/FarPorts'
import { useIsFar } from '@/graph/useIsFar'
import { NODE_HEIGHT, PORT_ROW } from '@/model/layout'
import { iconOf, summaryOf, titleOf } from '../kinds'
import { text } from '../text'
import { handlesOf, mainTop, PORT_TOP, troubleLeft } from './ports'
import type { StepData, StepNode } from './types'

/** A step on the canvas: 240 wide, a row more for each way out if there are several. */
export const StepCard = memo(function StepCard(props: NodeProps<StepNode>) {
  const { id, data, selected, height = NODE_HEIGHT } = props
  const { faults } = data
  const isFar = useIsFar()
  return (
    <div
      className={classes(
        'step-card',
        isFar && 'is-far',
        selected && 'is-selected',
        faults?.errors && 'is-wrong',
      )}
      data-step={id}
      {...(isFar ? { title: titleOf(data.step) } : {})}
    >
      {isFar ? <FarPorts handles={handlesOf(data.ports, height)} /> : <Content data={data} />}
    </div>
  )
})

/** What can be read and grabbed. Far away there are only its ports. */
function Content({ data }: { data: StepData }) {
  const { step, kind, ports, used } = data
  const Icon = iconOf(step.type)
  const summary = summaryOf(step)
  return (
    <>
      <Handle
        type="target"
        position={Position.Left}
        className="step-port"
        style={{ top: PORT_TOP }}
      />
      <div className="flex h-[62px] items-center gap-2.5 px-2.5">
        <span className="flex size-9 shrink-0 items-center justify-center rounded-md bg-accent text-muted-foreground">
          <Icon aria-hidden className="size-[18px]" />
        </span>
        <div className="min-w-0 flex-1">
          <p className="truncate font-medium leading-5">{titleOf(step)}</p>
          <p className="truncate text-[11px] text-muted-foreground leading-4" title={summary}>
            {kind === null ? `${step.type} · ${text.canvas.unknownType}` : summary || kind}
          </p>
        </div>
        <Badges data={data} />
      </div>
      <MainPorts ports={ports.main} />
      {ports.trouble.map((port, index) => (
        <Handle
          key={port}
          id={port}
          type="source"
          position={Position.Bottom}
          className="step-port is-trouble"
          style={{ left: troubleLeft(index, ports.trouble.length) }}
        >
          <span className={classes('step-trouble', used.has(port) && 'is-used')}>{port}</span>
        </Handle>
      ))}
    </>
  )
}

function MainPorts({ ports }: { ports: string[] }) {
  if (ports.length === 1) {
    return (
      <Handle
        id={ports[0] as string}
        type="source"
        position={Position.Right}
        className="step-port"
        style={{ top: PORT_TOP }}
      />
    )
  }
  return (
    <ul className="border-t">
      {ports.map((port, index) => (
        <li
          key={port}
          style={{ height: PORT_ROW }}
          className="flex items-center justify-end px-3 text-[11px] text-muted-foreground"
        >
          <span className="truncate font-mono">{port}</span>
          <Handle
            id={port}
            type="source"
            position={Position.Right}
            className="step-port"
            style={{ top: mainTop(index, ports.length) }}
          />
        </li>
      ))}
    </ul>
  )
}

function Badges({ data: { step, faults, undoes } }: { data: StepData }) {
  const attempts = step.retry?.max_attempts
  return (
    <span className="flex shrink-0 flex-col items-end gap-1 text-[11px] text-muted-foreground">
      {step.when === undefined ? null : (
        <span title={text.canvas.onlyWhen(step.when)}>
          <Filter aria-label={text.canvas.onlyWhen(step.when)} className="size-3.5" />
        </span>
      )}
      {undoes === null ? null : (
        <span title={text.canvas.undoes(undoes)}>
          <Undo2 aria-label={text.canvas.undoes(undoes)} className="size-3.5" />
        </span>
      )}
      {faults?.errors ? (
        <span className="text-state-failed" title={text.canvas.errors(faults.errors)}>
          <CircleAlert aria-label={text.canvas.errors(faults.errors)} className="size-4" />
        </span>
      ) : null}
      {faults?.warnings && !faults.errors ? (
        <span className="text-state-counter" title={text.canvas.warnings(faults.warnings)}>
          <TriangleAlert aria-label={text.canvas.warnings(faults.warnings)} className="size-4" />
        </span>
      ) : null}
      {typeof attempts === 'number' && attempts > 1 ? (
        <span className="flex items-center gap-0.5">
          <RotateCw aria-hidden className="size-3" />
          {attempts}
        </span>
      ) : null}
    </span>
  )
}
