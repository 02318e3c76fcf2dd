// Why a run does not move, as the API says it.
import type { components } from '@/api/schema'

export type Blocker = components['schemas']['Blocker']
export type BlockerGroup = components['schemas']['BlockerGroup']
