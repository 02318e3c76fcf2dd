// What the history of a run is made of.
import type { components } from '@/api/schema'

export type EventView = components['schemas']['EventView']
