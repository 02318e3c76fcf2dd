import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Check, X } from 'lucide-react'
import { useEffect, useId, useRef, useState } from 'react'
import { asProblem } from '@/api/client'
import { type Decision, decide } from '@/api/inbox'
import type { ApprovalView } from '@/api/types'
import { isWriting } from '@/app/useGlobalKeys'
import { Button } from '@/components/Button'
import { ProblemNote } from '@/components/ProblemNote'
import { type Draft, draftOf, sameJson } from '@/model/proposal'
import { toast } from '@/store/toasts'
import { text } from '@/text'
import { ClosedNote } from './ClosedNote'
import { PayloadEditor } from './PayloadEditor'

/** The answer to an open question. What was written stays if the server refuses it. */
export function DecisionForm({ approval }: { approval: ApprovalView }) {
  const [draft, setDraft] = useState<Draft>(() => draftOf(approval.payload))
  const [comment, setComment] = useState('')
  const commentField = useRef<HTMLTextAreaElement>(null)
  const form = useId()
  const answer = useDecision(approval.id)
  const isEdited = !draft.fault && !sameJson(draft.value, approval.payload)
  const isOpen = approval.status === 'pending'
  const canDecide = isOpen && approval.may_decide && !answer.isPending

  const send = (decision: Decision['decision'], payload: unknown): void => {
    const isOther = !sameJson(payload, approval.payload)
    answer.mutate({ decision, comment, ...(isOther ? { payload } : {}) })
  }
  useDecisionKeys({
    isOn: canDecide,
    approve: () => {
      if (draft.fault) return
      const field = document.getElementById(form)
      if (field instanceof HTMLFormElement) field.requestSubmit()
    },
    reject: () => commentField.current?.focus(),
  })

  const decided = answer.error ? asProblem(answer.error).document.decided : null
  if (decided && isOpen) return <ClosedNote {...decided} isTooLate />
  // What closed it stands below by now.
  if (decided) return <p className="font-medium">{text.inbox.tooLate}</p>
  if (!isOpen) return null
  return (
    <>
      <Outcomes />
      <PayloadEditor
        form={form}
        approval={approval}
        draft={draft}
        isEdited={isEdited}
        disabled={!canDecide}
        onChange={setDraft}
        onSubmit={(value) => send('approve', value)}
      />
      <label className="flex flex-col gap-1">
        <span className="font-medium">{text.inbox.comment}</span>
        <textarea
          ref={commentField}
          rows={2}
          value={comment}
          maxLength={10_000}
          disabled={!canDecide}
          onChange={(event) => setComment(event.target.value)}
          placeholder={text.inbox.commentHint}
          className="rounded-md border border-input bg-background px-2 py-1.5 placeholder:text-muted-foreground"
        />
      </label>
      {answer.error ? <ProblemNote error={answer.error} /> : null}
      {answer.data?.recorded === false ? <p role="status">{text.inbox.stands}</p> : null}
      <footer className="sticky bottom-0 mt-auto -mx-1 flex flex-wrap items-center gap-2 bg-background px-1 py-3 md:mt-0 max-md:[&>button]:h-11 max-md:[&>button]:flex-1">
        {approval.may_decide ? (
          <>
            <Button type="submit" form={form} look="primary" disabled={!canDecide || draft.fault}>
              <Check aria-hidden />
              {isEdited ? text.inbox.approveEdited : text.inbox.approve}
            </Button>
            <Button
              disabled={!canDecide}
              onClick={() => send('reject', draft.fault ? approval.payload : draft.value)}
            >
              <X aria-hidden />
              {text.inbox.reject}
            </Button>
            {answer.isPending ? (
              <span className="text-muted-foreground">{text.inbox.sending}</span>
            ) : null}
          </>
        ) : (
          <p className="text-muted-foreground">{text.inbox.notYours(addressees(approval))}</p>
        )}
      </footer>
    </>
  )
}

function addressees({ assignees, groups }: ApprovalView): string {
  return [...assignees, ...groups].join(', ')
}

function Outcomes() {
  return (
    <ul className="list-disc space-y-0.5 pl-4 text-muted-foreground">
      <li>{text.inbox.onApprove}</li>
      <li>{text.inbox.onReject}</li>
    </ul>
  )
}

function useDecision(id: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (decision: Decision) => decide(id, decision),
    onSuccess: ({ recorded }, { decision }) => {
      if (!recorded) return
      const title = decision === 'approve' ? text.inbox.approved : text.inbox.rejected
      toast({ tone: 'good', title })
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['approvals'] }),
  })
}

interface DecisionKeys {
  isOn: boolean
  approve: () => void
  reject: () => void
}

/** A approves; X goes to the comment, from where Tab leads to the button. */
function useDecisionKeys({ isOn, approve, reject }: DecisionKeys): void {
  useEffect(() => {
    if (!isOn) return
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return
      if (event.key !== 'a' && event.key !== 'x') return
      event.preventDefault()
      if (event.key === 'a') approve()
      else reject()
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [isOn, approve, reject])
}
