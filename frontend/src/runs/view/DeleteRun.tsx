import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Trash2 } from 'lucide-react'
import { useState } from 'react'
import { deleteRun } from '@/api/run'
import { Button } from '@/components/Button'
import { Dialog } from '@/components/Dialog'
import { ProblemNote } from '@/components/ProblemNote'
import { toast } from '@/store/toasts'
import { text } from '@/text'

/** The button, and the question before it acts; then the list of runs, without this one. */
export function DeleteRun({ id }: { id: string }) {
  const [open, setOpen] = useState(false)
  const navigate = useNavigate()
  const queries = useQueryClient()
  const remove = useMutation({
    mutationFn: () => deleteRun(id),
    onSuccess: async () => {
      toast({ tone: 'plain', title: text.run.delete.done })
      await navigate({ to: '/runs' })
      queries.removeQueries({ queryKey: ['runs', 'one', id] })
      void queries.invalidateQueries({ queryKey: ['runs'] })
    },
  })
  return (
    <>
      <Button
        size="icon"
        look="ghost"
        aria-label={text.run.delete.open}
        title={text.run.delete.open}
        onClick={() => {
          remove.reset()
          setOpen(true)
        }}
      >
        <Trash2 aria-hidden />
      </Button>
      <Dialog
        open={open}
        onClose={() => setOpen(false)}
        title={text.run.delete.title}
        description={text.run.delete.detail}
      >
        <form
          className="flex flex-col gap-3 p-4"
          onSubmit={(event) => {
            event.preventDefault()
            remove.mutate()
          }}
        >
          {remove.error ? <ProblemNote error={remove.error} /> : null}
          <div className="flex justify-end gap-2">
            <Button onClick={() => setOpen(false)}>{text.run.delete.keep}</Button>
            <Button look="danger" type="submit" disabled={remove.isPending}>
              {remove.isPending ? text.run.delete.deleting : text.run.delete.confirm}
            </Button>
          </div>
        </form>
      </Dialog>
    </>
  )
}
