import { useQuery } from '@tanstack/react-query'
import {
  Bot,
  Box,
  Clock,
  GitBranch,
  Globe,
  Hand,
  Layers,
  type LucideIcon,
  Merge,
  Shapes,
  Workflow,
} from 'lucide-react'
import { useMemo } from 'react'
import { nodeTypesQuery } from '@/api/nodeTypes'
import type { NodeTypeView } from '@/api/types'
import { type DocumentNode, isObject, type Json, type JsonObject } from '@/model/document'

export type Kinds = ReadonlyMap<string, NodeTypeView>

const NONE: Kinds = new Map()

/** The node types by name, built-in ones first. Empty until the server has answered. */
export function useKinds(): Kinds {
  const { data } = useQuery(nodeTypesQuery)
  return useMemo(() => {
    if (!data) return NONE
    const sorted = [...data.items].sort(
      (a, b) => Number(b.builtin) - Number(a.builtin) || a.title.localeCompare(b.title),
    )
    return new Map(sorted.map((kind) => [kind.name, kind]))
  }, [data])
}

const ICONS: Readonly<Record<string, LucideIcon>> = {
  agent: Bot,
  branch: GitBranch,
  hitl: Hand,
  http: Globe,
  join: Merge,
  map: Layers,
  transform: Shapes,
  wait: Clock,
  workflow: Workflow,
}

export const iconOf = (type: string): LucideIcon =>
  Object.hasOwn(ICONS, type) ? (ICONS[type] ?? Box) : Box

function inline(value: Json | undefined): string {
  if (value === undefined) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function waitSummary(config: JsonObject): string {
  if (config.message !== undefined) return `message ${inline(config.message)}`
  return config.until === undefined ? inline(config.for) : `until ${inline(config.until)}`
}

function mapSummary({ items, run }: JsonObject): string {
  const body = isObject(run) ? run : {}
  const count = Array.isArray(body.nodes) ? body.nodes.length : 0
  const steps = count > 0 ? `${count} ${count === 1 ? 'step' : 'steps'}` : ''
  return `${inline(items)} → ${steps || named(body.workflow, body.version)}`
}

const named = (name: Json | undefined, version: Json | undefined): string =>
  inline(name) + (version === undefined ? '' : `@${inline(version)}`)

/** The setting that matters, in one line. */
export function summaryOf(node: DocumentNode): string {
  const config = node.config ?? {}
  switch (node.type) {
    case 'http':
      return `${inline(config.method) || 'GET'} ${inline(config.url).replace(/^https?:\/\//, '')}`
    case 'hitl':
      return inline(config.message)
    case 'agent':
      return inline(config.prompt)
    case 'transform':
      return inline(config.value)
    case 'wait':
      return waitSummary(config)
    case 'map':
      return mapSummary(config)
    case 'workflow':
      return named(config.name, config.version)
    case 'branch':
      return Array.isArray(config.cases) ? `${config.cases.length} + otherwise` : ''
    case 'join':
      return typeof node.join === 'number' ? `${node.join} of them` : (node.join ?? 'all')
    default:
      return node.description ?? inline(Object.values(config)[0])
  }
}

export const titleOf = (node: DocumentNode): string => node.title || node.id
