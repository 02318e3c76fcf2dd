import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from '@tanstack/react-router'
import { NotFound } from './NotFound'
import { PageProblem } from './PageProblem'
import { Root } from './Root'

// A new first segment must also be named in services/orchestrator/site/routes.py.
const root = createRootRoute({ component: Root, notFoundComponent: NotFound })

const home = createRoute({
  getParentRoute: () => root,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/flows' })
  },
})

const flows = createRoute({
  getParentRoute: () => root,
  path: '/flows',
  component: lazyRouteComponent(() => import('@/workflows/WorkflowList'), 'WorkflowList'),
})

/** `?view=yaml` opens the text first. */
const newFlow = createRoute({
  getParentRoute: () => root,
  path: '/flows/new',
  validateSearch: flowSearch,
  component: lazyRouteComponent(() => import('@/builder/routes'), 'NewFlow'),
})

const editFlow = createRoute({
  getParentRoute: () => root,
  path: '/flows/$name',
  validateSearch: flowSearch,
  component: lazyRouteComponent(() => import('@/builder/routes'), 'EditFlow'),
})

const versions = createRoute({
  getParentRoute: () => root,
  path: '/flows/$name/versions',
  component: lazyRouteComponent(() => import('@/workflows/VersionList'), 'VersionList'),
})

const runs = createRoute({
  getParentRoute: () => root,
  path: '/runs',
  validateSearch: runSearch,
  component: lazyRouteComponent(() => import('@/runs/list/RunList'), 'RunList'),
})

const run = createRoute({
  getParentRoute: () => root,
  path: '/runs/$runId',
  component: lazyRouteComponent(() => import('@/runs/routes'), 'RunPage'),
})

const inbox = createRoute({
  getParentRoute: () => root,
  path: '/inbox',
  component: lazyRouteComponent(() => import('@/approvals/routes'), 'InboxPage'),
})

const approval = createRoute({
  getParentRoute: () => root,
  path: '/inbox/$approvalId',
  component: lazyRouteComponent(() => import('@/approvals/routes'), 'ApprovalPage'),
})

const settings = createRoute({
  getParentRoute: () => root,
  path: '/settings',
  component: lazyRouteComponent(() => import('./Settings'), 'Settings'),
})

interface FlowSearch {
  version?: number
  view?: 'yaml'
}

function flowSearch(search: Record<string, unknown>): FlowSearch {
  const version = Number(search.version)
  return {
    ...(Number.isInteger(version) && version > 0 ? { version } : {}),
    ...(search.view === 'yaml' ? { view: 'yaml' as const } : {}),
  }
}

interface RunSearch {
  status?: string
  workflow?: string
}

function runSearch(search: Record<string, unknown>): RunSearch {
  return {
    ...(typeof search.status === 'string' ? { status: search.status } : {}),
    ...(search.workflow === undefined ? {} : { workflow: String(search.workflow) }),
  }
}

const tree = root.addChildren([
  home,
  flows,
  newFlow,
  editFlow,
  versions,
  runs,
  run,
  inbox,
  approval,
  settings,
])

export function makeRouter() {
  return createRouter({
    routeTree: tree,
    defaultPreload: 'intent',
    defaultErrorComponent: PageProblem,
    scrollRestoration: true,
  })
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>
  }
}
