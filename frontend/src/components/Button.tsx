import { cva, type VariantProps } from 'class-variance-authority'
import type { ComponentProps } from 'react'
import { classes } from './classes'

export const buttonLook = cva(
  'inline-flex shrink-0 select-none items-center justify-center gap-1.5 whitespace-nowrap rounded-md font-medium disabled:opacity-50 [&_svg]:size-4 [&_svg]:shrink-0',
  {
    variants: {
      look: {
        primary: 'bg-primary text-primary-foreground hover:bg-primary/90',
        secondary: 'border bg-card hover:bg-accent',
        ghost: 'hover:bg-accent',
        danger: 'bg-destructive text-destructive-foreground hover:bg-destructive/90',
      },
      size: { normal: 'h-8 px-3', small: 'h-7 px-2', icon: 'size-8' },
    },
    defaultVariants: { look: 'secondary', size: 'normal' },
  },
)

export type ButtonProps = ComponentProps<'button'> & VariantProps<typeof buttonLook>

export function Button({ className, look, size, type = 'button', ...rest }: ButtonProps) {
  return <button type={type} className={classes(buttonLook({ look, size }), className)} {...rest} />
}
