import { compensatorsFor, undoneBy } from '@/model/compensation'
import type { DocumentNode } from '@/model/document'
import type { NodeFields } from '@/model/edits'
import { documentOf, useBuilder } from '@/store/builder'
import { Choice, Field } from '../form/fields'
import { titleOf } from '../kinds'
import { text } from '../text'

interface CompensateProps {
  node: DocumentNode
  onSet: (fields: NodeFields) => void
}

/** Which step undoes this one, or which one it undoes itself. */
export function Compensate({ node, onSet }: CompensateProps) {
  const document = useBuilder(documentOf)
  const undone = undoneBy(document).get(node.id)
  if (undone) return <p>{text.panel.undoes(titleOf(undone))}</p>
  const free = compensatorsFor(document, node)
  const named = free.some(({ id }) => id === node.compensate) ? undefined : node.compensate
  return (
    <Field label={text.panel.compensate} hint={text.panel.compensateHint}>
      {(ids) => (
        <Choice
          {...ids}
          value={node.compensate ?? ''}
          onChange={(id) => onSet({ compensate: id || undefined })}
          options={[
            ['', text.panel.compensateNone],
            ...free.map((each) => [each.id, titleOf(each)] as const),
            ...(named === undefined ? [] : [[named, named] as const]),
          ]}
        />
      )}
    </Field>
  )
}
