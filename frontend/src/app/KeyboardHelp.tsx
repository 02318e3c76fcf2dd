import { Dialog } from '@/components/Dialog'
import { useHelp } from '@/store/help'
import { text } from '@/text'

/** The keys that work everywhere, and those of each screen. */
export function KeyboardHelp() {
  const { isOpen, close } = useHelp()
  return (
    <Dialog
      open={isOpen}
      onClose={close}
      title={text.help.title}
      className="w-[min(40rem,calc(100vw-2rem))]"
    >
      <div className="grid gap-x-8 gap-y-4 p-4 sm:grid-cols-2">
        {text.help.parts.map((part) => (
          <Part key={part.title} {...part} />
        ))}
      </div>
    </Dialog>
  )
}

interface PartProps {
  title: string
  keys: readonly (readonly [keys: string, meaning: string])[]
}

function Part({ title, keys }: PartProps) {
  return (
    <section>
      <h3 className="pb-1 font-medium text-muted-foreground text-xs">{title}</h3>
      <dl>
        {keys.map(([pressed, meaning]) => (
          <div key={pressed} className="flex items-center justify-between py-1">
            <dt>{meaning}</dt>
            <dd className="flex gap-1">
              {pressed.split(' ').map((key) => (
                <kbd key={key} className="rounded-sm border bg-muted px-1.5 font-mono text-xs">
                  {key}
                </kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  )
}
