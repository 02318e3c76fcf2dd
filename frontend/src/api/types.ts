// Short names of the wire types that screens use.
import type { components } from './schema'

type Schemas = components['schemas']

export type RunLine = Schemas['RunLineView']
export type RunView = Schemas['RunView']
export type NodeView = Schemas['NodeView']
export type EventView = Schemas['EventView']
export type WorkflowLine = Schemas['WorkflowLine']
export type VersionLine = Schemas['VersionLine']
export type VersionView = Schemas['VersionView']
export type NodeTypeView = Schemas['NodeTypeView']
export type ApprovalLine = Schemas['ApprovalLineView']
export type ApprovalView = Schemas['ApprovalView']
export type Info = Schemas['Info']
export type Diagnostic = Schemas['Diagnostic']
