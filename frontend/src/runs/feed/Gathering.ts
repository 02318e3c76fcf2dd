// Pages that come quickly one after the other, folded together: each fold draws the run anew, and
// for a large one that takes longer than the next page.
import type { RunAction } from '@/model/run-fold'

/** From the first fold to the second while pages come in; each further pause is twice as long. */
const FIRST_PAUSE_MS = 1_000

export class Gathering {
  private actions: RunAction[] = []
  private foldedAt = 0
  private pauseMs = 0

  constructor(
    private readonly fold: (actions: RunAction[]) => void,
    private readonly now: () => number,
  ) {}

  /** The first page is shown at once, what follows with others; `flush` after the last. */
  add(action: RunAction): void {
    this.actions.push(action)
    if (this.now() - this.foldedAt >= this.pauseMs) this.flush()
  }

  flush(): void {
    const { actions } = this
    if (actions.length === 0) return
    this.actions = []
    this.fold(actions)
    this.foldedAt = this.now()
    this.pauseMs = Math.max(FIRST_PAUSE_MS, 2 * this.pauseMs)
  }
}
