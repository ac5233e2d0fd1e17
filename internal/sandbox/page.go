package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// cursor is a place in a list as it was at one moment, so that all pages of one reading show the same list.
type cursor struct {
	Path   string    `json:"path"`
	Offset int       `json:"offset"`
	Seq    int64     `json:"seq"`
	At     time.Time `json:"at"`
}

func (c cursor) String() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings, numbers and a time of this century
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

// moment is what the list of c shows: what its first page showed or, on a first page and with
// PagingOffset, the world as it is, or as it was for lists that lag.
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

// listTable is one page of all rows of t.
func listTable[T any](c *call, key string, t *table[T], show func(moment, T) object) *reply {
	m := c.moment(false)
	return listOf(c, key, m, slices.Collect(t.rowsAt(m)), func(row T) object { return show(m, row) })
}

// listOf is one page of rows, which are all rows of a list at m. Only those of the page are shown: in a long list the
// others would cost more than all else.
func listOf[T any](c *call, key string, m moment, rows []T, show func(T) object) *reply {
	from, to, total, next := c.slice(m, len(rows))
	page := objects(rows[from:to], show)
	body := object{key: page}
	if meta, told := c.meta(total, len(page) == len(rows), next); told {
		body["meta"] = meta
	}
	return &reply{status: http.StatusOK, object: body}
}

// objects are rows as show shows them; never null in JSON.
func objects[T any](rows []T, show func(T) object) []object {
	shown := make([]object, len(rows))
	for i, row := range rows {
		shown[i] = show(row)
	}
	return shown
}

// slice finds the page's place among so many rows; next is the cursor of the page after it, "" behind the last.
func (c *call) slice(m moment, rows int) (from, to, total int, next string) {
	place := func(offset int) string { return cursor{c.page.path, offset, m.seq, m.at}.String() }
	if c.struck(FaultEmptyList) {
		rows = 0
	}
	first, total := 0, rows
	if c.page.at != nil {
		first = min(c.page.at.Offset, rows)
	}
	from = first
	if first > 0 && c.struck(FaultRowAdded) {
		from, total = first-1, total+1
	}
	if first > 0 && c.struck(FaultRowRemoved) {
		from, total = min(first+1, rows), total-1
	}
	if c.struck(FaultWrongTotal) {
		total += 3
	}
	to = min(from+min(c.page.perPage, c.pageCap), rows)
	if to < rows {
		next = place(to)
	}
	if c.struck(FaultRepeatCursor) {
		next = place(first)
	}
	return from, to, total, next
}

// meta is what the dialect tells about a page of a list that may fit into one.
func (c *call) meta(total int, fits bool, next string) (meta any, told bool) {
	if fits && next == "" && !c.struck(FaultWrongTotal) {
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
