import { Command } from 'cmdk'
import { Dialog } from '@/components/Dialog'
import { findNode } from '@/model/document'
import { documentOf, useBuilder } from '@/store/builder'
import { iconOf, type Kinds, titleOf } from './kinds'
import { text } from './text'
import { type AddRequest, originOf } from './useAddStep'

interface AddMenuProps {
  kinds: Kinds
  /** Null: closed. */
  request: AddRequest | null
  onClose: () => void
  onChoose: (type: string, request: AddRequest) => void
}

/** Search among the kinds of steps; arrows and Enter choose. */
export function AddMenu({ kinds, request, onClose, onChoose }: AddMenuProps) {
  const document = useBuilder(documentOf)
  const origin = request?.after ?? (request && !request.place ? originOf(kinds) : undefined)
  const source = origin && findNode(document, origin.from)
  const choose = (type: string): void => {
    if (request) onChoose(type, request)
    onClose()
  }
  return (
    <Dialog
      open={request !== null}
      onClose={onClose}
      title={text.add.title}
      {...(source && origin ? { description: text.add.after(titleOf(source), origin.on) } : {})}
      className="w-[min(26rem,calc(100vw-2rem))]"
    >
      <Command loop label={text.add.title}>
        <Command.Input
          autoFocus
          placeholder={text.add.search}
          className="h-10 w-full border-b bg-transparent px-4 outline-none"
        />
        <Command.List className="max-h-[26rem] overflow-y-auto p-1.5">
          <Command.Empty className="px-2.5 py-3 text-muted-foreground">
            {text.palette.none}
          </Command.Empty>
          {[...kinds.values()].map((kind) => {
            const Icon = iconOf(kind.name)
            return (
              <Command.Item
                key={kind.name}
                value={kind.name}
                keywords={[kind.title, kind.description]}
                onSelect={() => choose(kind.name)}
                className="flex cursor-pointer items-center gap-3 rounded-md px-2.5 py-1.5 data-[selected=true]:bg-accent"
              >
                <Icon aria-hidden className="size-4 shrink-0 text-muted-foreground" />
                <span className="min-w-0">
                  <span className="block truncate font-medium">{kind.title}</span>
                  <span className="line-clamp-2 text-[11px] text-muted-foreground">
                    {kind.description}
                  </span>
                </span>
              </Command.Item>
            )
          })}
        </Command.List>
      </Command>
    </Dialog>
  )
}
