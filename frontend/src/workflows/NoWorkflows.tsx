import { Link } from '@tanstack/react-router'
import { FileCode2, type LucideIcon, SquareTerminal, Workflow } from 'lucide-react'
import type { ReactNode } from 'react'
import { buttonLook } from '@/components/Button'
import { text } from '@/text'

const { empty } = text.flows
const [canvas, yaml, file] = empty.cards

/** Three ways to a first flow. */
export function NoWorkflows() {
  return (
    <div className="mx-auto max-w-3xl px-4 py-16">
      <h2 className="text-center font-semibold text-base">{empty.title}</h2>
      <p className="mt-1 text-center text-muted-foreground">{empty.lead}</p>
      <div className="mt-8 grid gap-4 sm:grid-cols-3">
        <Card icon={Workflow} title={canvas.title} detail={canvas.detail}>
          <Link to="/flows/new" className={buttonLook({ look: 'primary' })}>
            {canvas.action}
          </Link>
        </Card>
        <Card icon={FileCode2} title={yaml.title} detail={yaml.detail}>
          <Link to="/flows/new" search={{ view: 'yaml' }} className={buttonLook()}>
            {yaml.action}
          </Link>
        </Card>
        <Card icon={SquareTerminal} title={file.title} detail={file.detail}>
          <code className="rounded-md border bg-muted px-2.5 py-1.5 font-mono text-xs">
            {file.action}
          </code>
        </Card>
      </div>
      <p className="mt-6 text-center text-muted-foreground">
        {empty.demo} <code className="font-mono text-foreground text-xs">{empty.demoCommand}</code>
      </p>
    </div>
  )
}

interface CardProps {
  icon: LucideIcon
  title: string
  detail: string
  children: ReactNode
}

function Card({ icon: Icon, title, detail, children }: CardProps) {
  return (
    <section className="flex flex-col items-start rounded-lg border bg-card p-4">
      <Icon aria-hidden className="size-5 text-muted-foreground" />
      <h3 className="mt-3 font-semibold">{title}</h3>
      <p className="mt-1 mb-4 flex-1 text-muted-foreground">{detail}</p>
      {children}
    </section>
  )
}
