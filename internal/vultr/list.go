package vultr

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"sync"

	"github.com/orgsync/orgsync/internal/org"
)

const (
	perPage     = 500 // the maximum that the API allows (SPEC)
	defaultPage = 100 // the page size of an API that ignores per_page (SPEC)
	maxPages    = 1000
	// maxListReads is how often a whole list is read if rows seem to be missing: they may move
	// between pages meanwhile.
	maxListReads = 3
	// mostExpected is the maximum number of rows for which memory is reserved because the server
	// counts them.
	mostExpected = 100_000
)

// listing is a list of the API. Its rows are under one of keys, because the documents disagree; if
// they are under several, all count.
type listing[T any] struct {
	op     string
	path   string
	keys   []string
	decode func(fields) T
}

// list reads all pages of l. The result is complete or an error. It is complete if every page was
// answered, no cursor was repeated, there are at least as many different rows as the server counts,
// and the count was the same on every page: otherwise rows have moved, and one may be missing. Rows
// are different if their ids are; the last version of a row is used.
//
// A count that cannot be decoded is an error. A server without a count must say that no page
// follows (next is "" or null), or its last page must be smaller than every page size in the
// documents. If it is not, the list is read again in smaller pages, because some lists may have no
// meta if they fit one page.
//
// No request of the list is in flight when it returns.
func list[T any](ctx context.Context, c *Client, l listing[T]) ([]T, error) {
	rows, _, err := listPages(ctx, c, l)
	return rows, err
}

// listPages is list, and reports whether there was more than one page.
func listPages[T any](ctx context.Context, c *Client, l listing[T]) (rows []T, paged bool, err error) {
	q := call{op: l.op, path: l.path}
	size := perPage
	for try := 1; ; try++ {
		r, err := readPages(ctx, c, q, l, size)
		if err != nil {
			return nil, false, err
		}
		message := ""
		switch {
		case r.isOpen && size == perPage:
			size = defaultPage - 1
			continue
		case r.isOpen:
			message = "the answer does not say whether the list goes on"
		case len(r.rows) < r.total:
			message = fmt.Sprintf("the server counts %d rows but lists %d, in each of %d attempts", r.total, len(r.rows),
				maxListReads)
		case r.moved:
			message = fmt.Sprintf("the number of rows changed between pages, in each of %d attempts", maxListReads)
		default:
			return r.rows, r.paged, nil
		}
		if try == maxListReads {
			return nil, false, q.failed(org.Unreadable, 0, message, nil)
		}
		if err := sleep(ctx, backoff(try, nil)); err != nil {
			return nil, false, q.failed(org.NotSent, 0, "", err)
		}
	}
}

// listRead is a list that was read once, from the first page to the last.
type listRead[T any] struct {
	rows   []T
	total  int  // the last count of the server; -1: none
	moved  bool // the count was not the same on every page
	paged  bool // there was more than one page
	isOpen bool // it is not certain that the last page was the last
}

func readPages[T any](ctx context.Context, c *Client, q call, l listing[T], size int) (listRead[T], error) {
	unreadable := func(a answer, message string) (listRead[T], error) {
		return listRead[T]{}, q.failed(org.Unreadable, a.status, c.Clean(message), nil)
	}
	r := listRead[T]{total: -1}
	place := map[string]int{}
	asked := map[string]bool{"": true}
	pages, known := 0, 1
	c.reads.count(0, 1)
	defer func() { c.reads.count(0, pages-known) }() // undo the requests that were not needed
	ctx, cancel := context.WithCancel(ctx)
	page := c.readPage(ctx, q, size, "")
	defer func() { // after an error, stop reading the next page
		cancel()
		_, _ = page()
	}()
	for range maxPages {
		a, err := page()
		if err != nil {
			return listRead[T]{}, err
		}
		pages++
		r.paged = pages > 1
		c.reads.count(1, 0)
		p, err := decodeMeta(a.fields)
		if err != nil {
			return unreadable(a, err.Error())
		}
		repeated := asked[p.next]
		if !repeated && pages < maxPages {
			asked[p.next] = true
			page = c.readPage(ctx, q, size, p.next) // while the rows of this one are decoded
		}
		if err := p.decodeRows(a.fields, l.keys); err != nil {
			return unreadable(a, err.Error())
		}
		if p.total >= 0 {
			r.moved = r.moved || r.total >= 0 && r.total != p.total
			r.total = p.total
		}
		if r.rows == nil {
			r.rows = make([]T, 0, max(len(p.rows), min(p.total, mostExpected)))
		}
		// Page by page, so that only one is in memory undecoded.
		for _, row := range p.rows {
			decoded, id := l.decode(row), row.identity()
			if at, seen := place[id]; seen {
				r.rows[at] = decoded
				continue
			}
			place[id] = len(r.rows)
			r.rows = append(r.rows, decoded)
		}
		switch {
		case p.next == "":
			r.isOpen = r.total < 0 && !p.ends && len(p.rows) >= min(size, defaultPage)
			return r, nil
		case repeated:
			return unreadable(a, "the next page is one that was read before")
		}
		left := 1
		if n := len(p.rows); n > 0 {
			left = max(left, (r.total-len(r.rows)+n-1)/n)
		}
		c.reads.count(0, pages+left-known)
		known = pages + left
	}
	return unreadable(answer{}, fmt.Sprintf("the list has more than %d pages", maxPages))
}

// readPage starts reading the page of a cursor, "" for the first, and returns a function that
// waits for it.
func (c *Client) readPage(ctx context.Context, q call, size int, cursor string) func() (answer, error) {
	q.query = url.Values{"per_page": {strconv.Itoa(size)}}
	if cursor != "" {
		q.query.Set("cursor", cursor)
		q.first = true
	}
	var a answer
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		a, err = c.read(ctx, q)
	}()
	return func() (answer, error) {
		<-done
		return a, err
	}
}

// progress counts the requests for lists.
type progress struct {
	report func(done, known int) // may be nil

	mu          sync.Mutex
	done, known int
}

// count adds requests that are done, and requests that are known to be needed, and reports the
// sums.
func (r *progress) count(done, known int) {
	if r.report == nil || done == 0 && known == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done += done
	r.known += known
	r.report(r.done, r.known)
}

// listPage is one answer with rows of a list.
type listPage struct {
	rows  []fields
	total int    // the total count of the server; -1: none
	next  string // the cursor of the next page; "" if there is none
	ends  bool   // the server says that there is no next page
}

// identity returns what identifies a row: its id or, if it has none, all its content.
func (f fields) identity() string {
	if id := f.text("id"); id != "" {
		return id
	}
	return string(f.encode())
}

// decodeMeta decodes the fields of an answer that are about the whole list.
func decodeMeta(top fields) (listPage, error) {
	p := listPage{total: -1}
	meta := top.object("meta")
	if total, named := meta["total"]; named && string(total) != "null" {
		// An invalid count must not be treated as no count: the end of the list would be unknown.
		if p.total = wholeNumber(meta.text("total")); p.total < 0 {
			return listPage{}, fmt.Errorf("meta.total is %s, which is not a count", total)
		}
	}
	if next, named := meta.object("links")["next"]; named {
		p.next = meta.object("links").text("next")
		p.ends = string(next) == `""` || string(next) == "null"
		if p.next == "" && !p.ends {
			return listPage{}, fmt.Errorf("meta.links.next is %s, which is not a cursor", next)
		}
	}
	return p, nil
}

// decodeRows decodes the rows, which are under one or more of keys.
func (p *listPage) decodeRows(top fields, keys []string) error {
	var rows []fields
	found, filled := false, false
	for _, key := range keys {
		raw, ok := top[key]
		if !ok {
			continue
		}
		found = true
		if !isBoundedList(raw, maxRows) {
			return fmt.Errorf("%q has more than %d rows, or they have too many members", key, maxRows)
		}
		var items []fields
		if err := json.Unmarshal(raw, &items); err != nil && raw[0] != '[' {
			return fmt.Errorf("%q is not a list", key)
		}
		filled = filled || items != nil
		isNull := func(item fields) bool { return item == nil } // not an object; there may be an error or not
		if i := slices.IndexFunc(items, isNull); i >= 0 {
			return fmt.Errorf("row %d of %q is not an object", i+1, key)
		}
		rows = append(rows, items...)
	}
	switch {
	case !found:
		return fmt.Errorf("the answer has no %q", keys[0])
	case !filled && p.total != 0:
		return fmt.Errorf("%q is null", keys[0])
	}
	p.rows = rows
	return nil
}

// wholeNumber returns a count in any form of JSON number; -1 if it is none.
func wholeNumber(s string) int {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || n < 0 || n > math.MaxInt32 || n != math.Trunc(n) {
		return -1
	}
	return int(n)
}
