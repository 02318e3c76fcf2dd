import { useInfiniteQuery } from '@tanstack/react-query'
import { useId } from 'react'
import { workflowsQuery } from '@/api/workflows'
import { text } from '../text'
import { TextLine } from './fields'

interface WorkflowFieldProps {
  id: string
  value: string
  isWrong: boolean
  onChange: (value: string) => void
}

/** A flow by its name; saved ones are suggested. */
export function WorkflowField({ id, value, isWrong, onChange }: WorkflowFieldProps) {
  const list = useId()
  const saved = useInfiniteQuery(workflowsQuery)
  const names = saved.data?.pages.flatMap(({ items }) => items.map(({ name }) => name)) ?? []
  return (
    <>
      <TextLine
        id={id}
        list={list}
        value={value}
        placeholder={text.form.flowHint}
        aria-invalid={isWrong}
        onChange={onChange}
        className="font-mono text-xs"
      />
      <datalist id={list}>
        {names.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </>
  )
}
