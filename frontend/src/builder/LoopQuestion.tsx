import { useState } from 'react'
import { Button } from '@/components/Button'
import { Dialog } from '@/components/Dialog'
import { type EdgeLoop, findNode } from '@/model/document'
import { documentOf, useBuilder } from '@/store/builder'
import { titleOf } from './kinds'
import { LoopFields } from './panel/LoopFields'
import { text } from './text'

/** A connection that leads back. */
export interface LoopRequest {
  from: string
  to: string
  on: string
}

interface LoopQuestionProps {
  /** Null: closed. */
  request: LoopRequest | null
  onClose: () => void
}

const USUAL_ROUNDS = 10

/** Whether a connection that leads back is to be a loop, and for how long it goes round. */
export function LoopQuestion({ request, onClose }: LoopQuestionProps) {
  const document = useBuilder(documentOf)
  if (request === null) return null
  const [from, to] = [findNode(document, request.from), findNode(document, request.to)]
  const [source, target] = [from ? titleOf(from) : '', to ? titleOf(to) : '']
  return (
    <Dialog
      open
      onClose={onClose}
      title={text.loop.title}
      description={
        request.from === request.to ? text.loop.itself(source) : text.loop.detail(source, target)
      }
    >
      <Question request={request} onClose={onClose} />
    </Dialog>
  )
}

function Question({ request, onClose }: { request: LoopRequest; onClose: () => void }) {
  const [loop, setLoop] = useState<EdgeLoop>({ while: '', max_iterations: USUAL_ROUNDS })
  const isWhole = Boolean(loop.while?.trim()) && Boolean(loop.max_iterations)
  return (
    <form
      className="flex flex-col gap-4 p-4"
      onSubmit={(event) => {
        event.preventDefault()
        if (!isWhole) return
        const { edit, select, history } = useBuilder.getState()
        edit({ kind: 'connect', ...request, loop })
        // The new one is the last: its settings stay at hand.
        select({ edge: history.present.edges.length })
        onClose()
      }}
    >
      <LoopFields loop={loop} onSet={setLoop} />
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>{text.save.keepEditing}</Button>
        <Button look="primary" type="submit" disabled={!isWhole}>
          {text.loop.make}
        </Button>
      </div>
    </form>
  )
}
