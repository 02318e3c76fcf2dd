import { classes } from '@/components/classes'
import type { EdgeLoop } from '@/model/document'
import { Field, INPUT, TextLine } from '../form/fields'
import { text } from '../text'

interface LoopFieldsProps {
  loop: EdgeLoop
  onSet: (loop: EdgeLoop) => void
}

/** For how long a loop goes round. */
export function LoopFields({ loop, onSet }: LoopFieldsProps) {
  return (
    <>
      <Field label={text.panel.while} hint={text.panel.whileHint}>
        {(ids) => (
          <textarea
            {...ids}
            rows={2}
            spellCheck={false}
            value={loop.while ?? ''}
            placeholder="output.score < 80"
            onChange={(event) => onSet({ ...loop, while: event.target.value })}
            className={classes(INPUT, 'block resize-y py-1.5 font-mono text-xs')}
          />
        )}
      </Field>
      <Field label={text.panel.maxIterations} hint={text.panel.maxIterationsHint}>
        {(ids) => (
          <TextLine
            {...ids}
            inputMode="numeric"
            value={loop.max_iterations === undefined ? '' : String(loop.max_iterations)}
            onChange={(written) => onSet(withRounds(loop, written))}
            className="w-24"
          />
        )}
      </Field>
    </>
  )
}

/** What is no number is left out: the compiler asks for one. */
function withRounds({ max_iterations: _, ...loop }: EdgeLoop, written: string): EdgeLoop {
  const digits = written.replace(/\D/g, '')
  return digits === '' ? loop : { ...loop, max_iterations: Number(digits) }
}
