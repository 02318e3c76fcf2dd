import { useInfiniteQuery } from '@tanstack/react-query'
import { Play } from 'lucide-react'
import { DropdownMenu } from 'radix-ui'
import { useState } from 'react'
import { workflowsQuery } from '@/api/workflows'
import { Button } from '@/components/Button'
import { text } from '@/text'
import { StartRunDialog } from '../start/StartRunDialog'

/** Start the flow that the list shows, or choose one first. */
export function StartAnyRun({ workflow }: { workflow?: string | undefined }) {
  const [toRun, setToRun] = useState<string | null>(null)
  const { data } = useInfiniteQuery(workflowsQuery)
  const names = data?.pages.flatMap((page) => page.items.map((flow) => flow.name)) ?? []
  if (names.length === 0 && !workflow) return null
  const face = (
    <>
      <Play aria-hidden />
      {text.runs.start}
    </>
  )
  return (
    <>
      {workflow ? (
        <Button look="primary" onClick={() => setToRun(workflow)}>
          {face}
        </Button>
      ) : (
        <DropdownMenu.Root>
          <DropdownMenu.Trigger asChild>
            <Button look="primary">{face}</Button>
          </DropdownMenu.Trigger>
          <DropdownMenu.Portal>
            <DropdownMenu.Content
              align="end"
              sideOffset={4}
              className="z-40 max-h-80 w-64 overflow-y-auto rounded-md border bg-popover p-1 shadow-lg"
            >
              {names.map((name) => (
                <DropdownMenu.Item
                  key={name}
                  onSelect={() => setToRun(name)}
                  className="cursor-pointer truncate rounded-sm px-2 py-1.5 outline-none data-[highlighted]:bg-accent"
                >
                  {name}
                </DropdownMenu.Item>
              ))}
            </DropdownMenu.Content>
          </DropdownMenu.Portal>
        </DropdownMenu.Root>
      )}
      <StartRunDialog workflow={toRun} onClose={() => setToRun(null)} />
    </>
  )
}
