package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// cursor is a position in a list at a moment. With the moment, all pages can show the same list.
type cursor struct {
	Path   string    `json:"path"`
	Offset int       `json:"offset"` // in rows
	Seq    int64     `json:"seq"`
	At     time.Time `json:"at"`
}

func (c cursor) String() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // impossible: only a time after the year 9999 cannot be encoded
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func parseCursor(text string) (c cursor, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(raw, &c) != nil {
		return c, false
	}
	return c, c.Offset >= 0
}

// moment returns the moment that the page of c shows. Later pages show the moment of the first page. The first page,
// and all pages with [PagingOffset], show the current world or, if lags is true, the world as it was before
// [Options.ListLag].
func (c *call) moment(lags bool) moment {
	m := moment{seq: c.Seq, at: c.now, lags: lags && c.listLag > 0}
	if m.lags {
		m.at = m.at.Add(-c.listLag)
	}
	if at := c.page.at; at != nil && c.dialect.Paging != PagingOffset {
		m.seq, m.at = at.Seq, at.At
	}
	return m
}

// listTable returns one page of all rows of t.
func listTable[T any](c *call, key string, t *table[T], show func(moment, T) object) *reply {
	m := c.moment(false)
	return listOf(c, key, m, slices.Collect(t.rowsAt(m)), func(row T) object { return show(m, row) })
}

// listOf returns one page of a list. rows are all rows of the list at m. It calls show only for the rows of the page,
// because show would take most of the time in a long list.
func listOf[T any](c *call, key string, m moment, rows []T, show func(T) object) *reply {
	from, to, total, next := c.pageBounds(m, len(rows))
	page := objects(rows[from:to], show)
	body := object{key: page}
	if meta, hasMeta := c.meta(total, len(page) == len(rows), next); hasMeta {
		body["meta"] = meta
	}
	return &reply{status: http.StatusOK, object: body}
}

// objects returns the objects for rows. The result is never nil, because nil would be null in JSON.
func objects[T any](rows []T, show func(T) object) []object {
	shown := make([]object, len(rows))
	for i, row := range rows {
		shown[i] = show(row)
	}
	return shown
}

// pageBounds returns the range of the rows that are on the page of c, and the total for meta. next is the cursor of
// the next page; "" after the last page. The fault of c may change any of these.
func (c *call) pageBounds(m moment, rows int) (from, to, total int, next string) {
	cursorAt := func(offset int) string { return cursor{c.page.path, offset, m.seq, m.at}.String() }
	if c.hasFault(FaultEmptyList) {
		rows = 0
	}
	first, total := 0, rows
	if c.page.at != nil {
		first = min(c.page.at.Offset, rows)
	}
	from = first
	if first > 0 && c.hasFault(FaultRowAdded) {
		from, total = first-1, total+1
	}
	if first > 0 && c.hasFault(FaultRowRemoved) {
		from, total = min(first+1, rows), total-1
	}
	if c.hasFault(FaultWrongTotal) {
		total += 3
	}
	to = min(from+min(c.page.perPage, c.pageCap), rows)
	if to < rows {
		next = cursorAt(to)
	}
	if c.hasFault(FaultRepeatCursor) {
		next = cursorAt(first)
	}
	return from, to, total, next
}

// meta returns the meta of a page in the form of the dialect; ok is false if the page has none. fits says whether the
// whole list fits one page.
func (c *call) meta(total int, fits bool, next string) (meta any, ok bool) {
	if fits && next == "" && !c.hasFault(FaultWrongTotal) {
		switch c.dialect.Meta {
		case MetaNull:
			return nil, true
		case MetaMissing:
			return nil, false
		}
	}
	full := object{"total": total}
	if next == "" && c.dialect.Meta == MetaTotal {
		return full, true
	}
	links := object{"next": next, "prev": ""}
	if next == "" {
		switch c.dialect.EndCursor {
		case EndCursorNull:
			links["next"] = nil
		case EndCursorMissing:
			delete(links, "next")
		}
	}
	full["links"] = links
	return full, true
}
