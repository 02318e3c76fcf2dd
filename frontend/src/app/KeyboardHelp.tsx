import { Dialog } from '@/components/Dialog'
import { useHelp } from '@/store/help'
import { text } from '@/text'

/** The keys that work everywhere; screens with keys of their own add to it. */
export function KeyboardHelp() {
  const { isOpen, close } = useHelp()
  return (
    <Dialog open={isOpen} onClose={close} title={text.help.title} className="w-96">
      <dl className="divide-y px-4 py-1">
        {text.help.keys.map(([keys, meaning]) => (
          <div key={keys} className="flex items-center justify-between py-2">
            <dt>{meaning}</dt>
            <dd className="flex gap-1">
              {keys.split(' ').map((key) => (
                <kbd key={key} className="rounded-sm border bg-muted px-1.5 font-mono text-xs">
                  {key}
                </kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  )
}
