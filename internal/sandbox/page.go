package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
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

// moment is what the list of c shows: what its first page showed or, on a first page, the world as it is, or as it was
// for lists that lag. Under PagesMoving every page shows what a first page would.
func (c *call) moment(lags bool) moment {
	m := moment{seq: c.Seq, at: c.now, lags: lags && c.listLag > 0}
	if m.lags {
		m.at = m.at.Add(-c.listLag)
	}
	if at := c.page.at; at != nil && c.dialect.Pages != PagesMoving {
		m.seq, m.at = at.Seq, at.At
	}
	return m
}

// list is one page of rows, which are all rows of a list at m.
func (c *call) list(key string, m moment, rows []object) reply {
	return listOf(c, key, m, rows, func(row object) object { return row })
}

// listOf is one page of rows, which are all rows of a list at m. Only those of the page are shown: in a long list the
// others would cost more than all else.
func listOf[T any](c *call, key string, m moment, rows []T, show func(T) object) reply {
	from, to, total, next := c.slice(m, len(rows))
	page := make([]object, 0, to-from) // never null
	for _, row := range rows[from:to] {
		page = append(page, show(row))
	}
	body := object{key: page}
	if meta, told := c.meta(total, len(page) == len(rows), next); told {
		body["meta"] = meta
	}
	return reply{status: http.StatusOK, object: body}
}

// slice finds the page's place among so many rows; next is the cursor of the page after it, "" behind the last.
func (c *call) slice(m moment, rows int) (from, to, total int, next string) {
	place := func(offset int) string { return cursor{c.page.path, offset, m.seq, m.at}.String() }
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
