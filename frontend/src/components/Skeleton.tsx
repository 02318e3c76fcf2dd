import { classes } from './classes'

/** A grey place of what is to come; give it the final size. */
export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={classes('rounded-sm bg-accent', className)} />
}
