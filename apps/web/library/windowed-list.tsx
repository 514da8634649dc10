// A list of any length of which only what is in sight is there: pages of it are fetched as one scrolls to them.
// Not what an entry looks like.
// Invariant: at most a few screens of entries are in the page at once, and each keeps its place whatever else is loaded.

import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'

interface Page<Entry> {
  readonly total: number
  readonly entries: readonly Entry[]
}

interface WindowedListProps<Entry> {
  /** Another key is another list. */
  readonly listKey: string
  readonly label: string
  /** 0: one entry a row, as wide as the list. */
  readonly entryWidthMin: number
  /** Height of a row of entries so wide, gap included. */
  rowHeight(entryWidth: number): number
  load(offset: number, limit: number, signal: AbortSignal): Promise<Page<Entry>>
  entry(entry: Entry, index: number): ComponentChildren
  readonly empty: ComponentChildren
}

const PAGE_LENGTH = 100
const ROWS_BEYOND = 4

export function WindowedList<Entry>(props: WindowedListProps<Entry>) {
  const { listKey, label, entryWidthMin, rowHeight, load, entry, empty } = props
  const list = useRef<HTMLUListElement>(null)
  const { pages, total, failure, want } = usePages(listKey, load)
  const view = useView(list)
  const columns = entryWidthMin === 0 ? 1 : Math.max(2, Math.floor(view.width / entryWidthMin))
  const height = rowHeight(view.width / columns)
  const rowCount = Math.ceil((total ?? 0) / columns)
  const firstRow = Math.max(0, Math.floor(view.top / height) - ROWS_BEYOND)
  const lastRow = Math.min(rowCount, Math.ceil((view.top + view.height) / height) + ROWS_BEYOND)
  const first = firstRow * columns
  const last = total === undefined ? 1 : Math.min(total, lastRow * columns)
  useEffect(() => want(first, last), [first, last, want])
  if (failure !== undefined) return <p class="note is-trouble">{failure}</p>
  if (total === 0) return <div class="note">{empty}</div>
  const shown = Array.from({ length: total === undefined ? 0 : Math.max(0, last - first) }, (_, at) => first + at)
  return (
    <ul class="windowed" ref={list} aria-label={label} aria-busy={total === undefined} style={{ height: `${rowCount * height}px` }}>
      {shown.map(index => {
        const found = pages.get(Math.floor(index / PAGE_LENGTH))?.[index % PAGE_LENGTH]
        const place = {
          top: `${Math.floor(index / columns) * height}px`,
          left: `${(100 * (index % columns)) / columns}%`,
          width: `${100 / columns}%`,
          height: `${height}px`,
        }
        return (
          <li key={index} style={place} aria-setsize={total} aria-posinset={index + 1}>
            {found === undefined ? <span class="windowed-blank" /> : entry(found, index)}
          </li>
        )
      })}
    </ul>
  )
}

interface Loaded<Entry> {
  readonly pages: ReadonlyMap<number, readonly Entry[]>
  readonly total: number | undefined
  readonly failure: string | undefined
}

/** The pages of one list, each asked for once. */
function usePages<Entry>(listKey: string, load: WindowedListProps<Entry>['load']) {
  const [loaded, setLoaded] = useState<Loaded<Entry>>({ pages: new Map(), total: undefined, failure: undefined })
  const asked = useRef({ pages: new Set<number>(), abort: new AbortController() })
  useEffect(() => {
    asked.current = { pages: new Set(), abort: new AbortController() }
    const { abort } = asked.current
    // What was there stays in sight until the new list comes.
    void fetchPage(0)
    return () => abort.abort()
  }, [listKey])
  async function fetchPage(page: number): Promise<void> {
    const { pages: askedPages, abort } = asked.current
    if (askedPages.has(page)) return
    askedPages.add(page)
    try {
      const { total, entries } = await load(page * PAGE_LENGTH, PAGE_LENGTH, abort.signal)
      if (abort.signal.aborted) return
      setLoaded(before => ({ pages: new Map(page === 0 ? [] : before.pages).set(page, entries), total, failure: undefined }))
    } catch (thrown) {
      askedPages.delete(page)
      if (!abort.signal.aborted) setLoaded(before => ({ ...before, failure: thrown instanceof Error ? thrown.message : String(thrown) }))
    }
  }
  const want = (first: number, last: number) => {
    for (let page = Math.floor(first / PAGE_LENGTH); page * PAGE_LENGTH < last; page++) void fetchPage(page)
  }
  const wantRef = useRef(want)
  return { ...loaded, want: wantRef.current }
}

/** What of the list is in sight of the place that scrolls it. */
function useView(list: { readonly current: HTMLElement | null }) {
  const [view, setView] = useState({ top: 0, height: 800, width: 800 })
  useEffect(() => {
    const scroller = document.querySelector('main')
    if (scroller === null) return
    const measure = () => {
      const box = list.current?.getBoundingClientRect()
      if (box === undefined) return
      const top = Math.max(0, scroller.getBoundingClientRect().top - box.top)
      setView(before => {
        const next = { top, height: scroller.clientHeight, width: box.width }
        return before.top === next.top && before.height === next.height && before.width === next.width ? before : next
      })
    }
    const watcher = new ResizeObserver(measure)
    watcher.observe(scroller)
    if (list.current !== null) watcher.observe(list.current)
    scroller.addEventListener('scroll', measure, { passive: true })
    measure()
    return () => {
      watcher.disconnect()
      scroller.removeEventListener('scroll', measure)
    }
  })
  return view
}
