package vultr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/orgsync/orgsync/internal/lazyregexp"
	"github.com/orgsync/orgsync/internal/org"
)

const (
	perPage     = 500 // the maximum that the API allows (SPEC)
	defaultPage = 100 // the page size of an API that ignores per_page (SPEC)
	maxPages    = 1000
	// maxListReads is the maximum number of times that a whole list is read. It is read again if rows
	// seem to be missing, because rows may move between pages during a read.
	maxListReads = 3
	// maxReserved is the maximum number of rows for which memory is reserved. The number comes from
	// the server, which may be wrong.
	maxReserved = 100_000
)

// listing is a list of the API.
type listing[T any] struct {
	op   string // as in call
	path string
	// keys are the names under which a page may have its rows, because the documents disagree. If a
	// page has rows under several keys, all of them count.
	keys   []string
	decode func(fields) T
	// isEmpty reports whether a row has nothing that identifies it. Such a row is an error. nil means that
	// no row is empty.
	isEmpty func(T) bool
	// rowID returns the identity of a row, to find rows that are there twice. nil means [fields.rowID].
	rowID func(fields) string
	// mayRepeat is true if a page may rightly have the same row twice, and the server counts both. If it is false,
	// another row may be missing where a row is repeated.
	mayRepeat bool
	// combine returns what two rows with the same identity say together, the earlier one first; nil: the later row counts.
	combine func(T, T) T
	// address returns the address of a row; nil if rows have none. If two rows have the same id and different
	// addresses, the list is read again. If this does not change, it is an error, because one of the people would be
	// missing.
	address func(T) org.Address
}

// list reads all pages of l, and returns all rows or an error. A list is complete if
//   - every page was answered,
//   - no cursor was repeated,
//   - there are at least as many different rows as the server counts,
//   - the count was the same on every page: otherwise rows have moved, and one may be missing,
//   - rows with the same id have the same address.
//
// Rows with different ids are different rows. If several rows have the same id, the last one counts, or what
// listing.combine makes of them.
//
// A count that cannot be decoded is an error. If the server gives no count, or counts fewer rows than it lists, it must
// say that no page follows (next is "" or null), or the last page must be smaller than every page size in the
// documents. Otherwise, the list is read again in smaller pages, because a list that fits one page may have no meta.
//
// When list returns, none of its requests is in flight.
func list[T any](ctx context.Context, c *Client, l listing[T]) ([]T, error) {
	rows, _, err := listPages(ctx, c, l)
	return rows, err
}

// listPages does the work of list. It also reports whether the list had more than one page.
func listPages[T any](ctx context.Context, c *Client, l listing[T]) (rows []T, paged bool, err error) {
	q := call{op: l.op, path: l.path}
	size := perPage
	for try := 1; ; try++ {
		r, err := readPages(ctx, c, q, l, size)
		if try > 1 && IsForbiddenOrMissing(err) {
			err = q.partialReadError(err)
		}
		if err != nil {
			return nil, false, err
		}
		message := ""
		switch {
		case r.endUnknown && size == perPage && try < maxListReads:
			size = defaultPage - 1
			continue
		case r.endUnknown:
			message = "the answer does not say whether the list goes on"
		case r.countChanged:
			message = fmt.Sprintf("the number of rows changed between pages, in each of %d attempts", maxListReads)
		case len(r.rows)+r.repeated < r.mostTotal:
			message = fmt.Sprintf("the server counts %d rows but lists %d, in each of %d attempts", r.mostTotal,
				len(r.rows), maxListReads)
		case r.sharedID != "":
			message = fmt.Sprintf("two rows with different addresses have the id %q, in each of %d attempts", r.sharedID,
				maxListReads)
		default:
			return r.rows, r.paged, nil
		}
		if try == maxListReads {
			return nil, false, q.failed(org.Unreadable, 0, c.CleanText(message), nil)
		}
		if err := sleep(ctx, backoff(try, nil)); err != nil {
			return nil, false, q.failed(org.NotSent, 0, "", err)
		}
	}
}

// partialReadError returns the error for a list of which only a part could be read. err is the error of the request
// that failed. The result has no status, so that IsForbiddenOrMissing is false: the key may read this list.
func (q call) partialReadError(err error) error {
	message := "only a part of the list could be read"
	if failure, ok := errors.AsType[*org.CallError](err); ok {
		message += fmt.Sprintf(": HTTP %d: %s", failure.Status, failure.Message)
	}
	return q.failed(org.Unreadable, 0, message, nil)
}

// listRead is the result of one attempt to read a list, from the first page to the last.
type listRead[T any] struct {
	rows         []T
	total        int  // the last count of the server; -1: none
	mostTotal    int  // the largest count under any name, on any page; -1: none
	repeated     int  // rows that repeat an earlier row of their page; counted only with mayRepeat
	countChanged bool // the count was not the same on every page
	paged        bool // there was more than one page
	endUnknown   bool // more pages may follow the last page that was read
	// sharedID is an id of two rows with different addresses; "" if there is none.
	sharedID string
}

// readPages reads the pages of l once, each with at most size rows.
func readPages[T any](ctx context.Context, c *Client, q call, l listing[T], size int) (listRead[T], error) {
	unreadable := func(a answer, message string) (listRead[T], error) {
		return listRead[T]{}, q.failed(org.Unreadable, a.status, c.CleanText(message), nil)
	}
	r := listRead[T]{total: -1, mostTotal: -1}
	rowID := l.rowID
	if rowID == nil {
		rowID = fields.rowID
	}
	index := map[string]int{}              // of each row in r.rows, by rowID
	requested := map[string]bool{"": true} // cursors
	pages, known := 0, 1
	mostPages := -1 // the largest count of pages; -1: none
	c.reads.count(0, 1)
	defer func() { c.reads.count(0, pages-known) }() // take back requests that turned out not to be needed
	ctx, cancel := context.WithCancel(ctx)
	page := c.readPage(ctx, q, size, "")
	defer func() { // after an error, stop reading the next page
		cancel()
		_, _ = page()
	}()
	for range maxPages {
		a, err := page()
		switch {
		case pages > 0 && IsForbiddenOrMissing(err):
			return listRead[T]{}, q.partialReadError(err)
		case err != nil:
			return listRead[T]{}, err
		case a.status != http.StatusOK && a.status != http.StatusNonAuthoritativeInfo:
			return unreadable(a, "with this status, the answer may be only a part of the page")
		}
		pages++
		r.paged = pages > 1
		c.reads.count(1, 0)
		p, err := decodeMeta(a.fields)
		if err == nil && p.next == "" {
			err = checkNoNextPage(a)
		}
		if err != nil {
			return unreadable(a, err.Error())
		}
		repeated := requested[p.next]
		if !repeated && pages < maxPages {
			requested[p.next] = true
			page = c.readPage(ctx, q, size, p.next) // read it while the rows of this page are decoded
		}
		if err := p.decodeRows(a.fields, l.keys); err != nil {
			return unreadable(a, err.Error())
		}
		if p.total >= 0 {
			r.countChanged = r.countChanged || r.total >= 0 && r.total != p.total
			r.total = p.total
		}
		if r.rows == nil {
			r.rows = make([]T, 0, max(len(p.rows), min(p.total, maxReserved)))
		}
		firstOfPage := len(r.rows)
		// Decode the rows page by page, so that undecoded rows do not add up in memory.
		for _, row := range p.rows {
			decoded, id := l.decode(row), rowID(row)
			if l.isEmpty != nil && l.isEmpty(decoded) {
				return unreadable(a, "a row of the list has no id and no address")
			}
			if i, seen := index[id]; seen {
				if l.address != nil && !l.address(r.rows[i]).Equal(l.address(decoded)) {
					r.sharedID = id
				}
				if l.mayRepeat && i >= firstOfPage {
					r.repeated++
				}
				if l.combine != nil {
					decoded = l.combine(r.rows[i], decoded)
				}
				r.rows[i] = decoded
				continue
			}
			index[id] = len(r.rows)
			r.rows = append(r.rows, decoded)
		}
		r.mostTotal = max(r.mostTotal, countUnder(a, totalName()))
		countedPages := countUnder(a, pagesName())
		mostPages = max(mostPages, countedPages)
		switch {
		case p.next == "":
			switch {
			case mostPages > pages && countedPages >= 0 && countedPages <= pages: // it fell during the reading
				r.countChanged = true
			case mostPages > pages:
				return unreadable(a, fmt.Sprintf("the server counts %d pages but names no page after page %d", mostPages, pages))
			}
			isCounted := r.total >= len(r.rows)+r.repeated // a smaller count is not about the whole list
			r.endUnknown = !isCounted && !p.isLast && len(p.rows) >= min(size, defaultPage)
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

// readPage starts to read the page at cursor, which is "" for the first page. It returns a function
// that waits for the page.
func (c *Client) readPage(ctx context.Context, q call, size int, cursor string) func() (answer, error) {
	q.query = url.Values{"per_page": {strconv.Itoa(size)}}
	if cursor != "" {
		q.query.Set("cursor", cursor)
		q.urgent = true
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

// progress counts the requests for lists, see Config.ListProgress.
type progress struct {
	report func(done, known int) // nil: do not report

	mu          sync.Mutex
	done, known int
}

// count adds numbers of requests to the sums, and reports the sums. Either number may be 0, and
// known may be negative.
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
	rows   []fields
	total  int    // the number of rows in the whole list, as the server counts them; -1: none
	next   string // the cursor of the next page; "" if there is none
	isLast bool   // the server says that there is no next page
}

// rowID returns the id of a row or, if it has none, its whole content.
func (f fields) rowID() string {
	if id := f.text("id"); id != "" {
		return id
	}
	return f.hash()
}

// decodeMeta decodes meta: the number of rows in the whole list, and the cursor of the next page.
func decodeMeta(top fields) (listPage, error) {
	p := listPage{total: -1}
	meta := top.object("meta")
	if kind := kindOf(top["meta"]); kind != "object" && !isEmptyValue(top["meta"]) {
		return listPage{}, fmt.Errorf("meta is a %s, which is not an object", kind)
	}
	if kind := kindOf(meta["links"]); kind != "object" && kind != "list" && !isEmptyValue(meta["links"]) {
		return listPage{}, fmt.Errorf("meta.links is a %s, which is not an object", kind)
	}
	if total, named := meta["total"]; named && string(total) != "null" {
		// An invalid count must not be treated as no count: the end of the list would be unknown.
		if p.total = wholeNumber(meta.text("total")); p.total < 0 {
			return listPage{}, fmt.Errorf("meta.total is %s, which is not a count", total)
		}
	}
	if next, named := meta.object("links")["next"]; named {
		p.next = meta.object("links").text("next")
		p.isLast = slices.Contains([]string{`""`, "null", "false", "0"}, string(next))
		if p.isLast {
			p.next = ""
		}
		if p.next == "" && !p.isLast {
			return listPage{}, fmt.Errorf("meta.links.next is %s, which is not a cursor", next)
		}
	}
	return p, nil
}

// nextPageName matches names of members by which APIs say that a list goes on.
var nextPageName = lazyregexp.New(`(?i)next|more|partial|truncated|incomplete`)

// nextPageLink matches a Link header (RFC 8288) with a next page.
var nextPageLink = lazyregexp.New(`(?i)\brel\s*=\s*(?:"[^"]*\bnext\b|next\b)`)

// totalName and pagesName match names of members and headers by which APIs count all rows or all pages of a list, in
// the form that memberName returns.
var (
	totalName = lazyregexp.New(`^x?(?:total|total(?:count|rows|items|records|results|entries|elements)|recordstotal)$`)
	pagesName = lazyregexp.New(`^x?(?:totalpages|pagestotal|pagecount|lastpage|numpages)$`)
)

// checkNoNextPage returns an error if an answer says that the list goes on, in a form that this client does
// not know.
func checkNoNextPage(a answer) error {
	for o := range a.fields.objectsAbout(maxNesting) {
		for name, value := range o {
			isNothing := slices.Contains([]string{`""`, "null", "false", "0", "[]", "{}"}, string(value))
			if nextPageName().MatchString(name) && !isNothing {
				return fmt.Errorf("%q says that the list goes on, in an unknown form", shorten(name))
			}
		}
	}
	links := a.fields.object("meta")["links"]
	if kindOf(links) == "list" && bytes.Contains(links, []byte(`"next"`)) || a.header.Get("X-Next-Page") != "" ||
		nextPageLink().MatchString(strings.Join(a.header.Values("Link"), ",")) {
		return errors.New("the answer says that the list goes on, in an unknown form")
	}
	return nil
}

// maxNesting is the maximum depth at which an answer is searched for signs that a list goes on.
const maxNesting = 3

// objectsAbout yields f and the objects inside it, down to a depth. In an answer with a list, they are about the list,
// because the rows are in a JSON list. It keeps only one object per depth in memory, because an answer may have many.
func (f fields) objectsAbout(depth int) iter.Seq[fields] {
	return func(yield func(fields) bool) {
		if !yield(f) || depth == 1 {
			return
		}
		for name, raw := range f {
			if kindOf(raw) != "object" {
				continue
			}
			for inside := range f.object(name).objectsAbout(depth - 1) {
				if !yield(inside) {
					return
				}
			}
		}
	}
}

// countUnder returns the largest count in an answer, or in its headers, under a name that matches; -1 if there is none.
func countUnder(a answer, names *regexp.Regexp) int {
	most := -1
	for o := range a.fields.objectsAbout(maxNesting) {
		for name := range o {
			if names.MatchString(memberName(name)) {
				most = max(most, wholeNumber(o.text(name)))
			}
		}
	}
	for name := range a.header {
		if names.MatchString(memberName(name)) {
			most = max(most, wholeNumber(a.header.Get(name)))
		}
	}
	return most
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
		isNull := func(item fields) bool { return item == nil } // it was null, or not an object
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

// wholeNumber returns the value of a JSON number such as 12, 12.0 or 1.2e1; -1 if s is not a number,
// or not a whole number between 0 and [math.MaxInt32].
func wholeNumber(s string) int {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || n < 0 || n > math.MaxInt32 || n != math.Trunc(n) {
		return -1
	}
	return int(n)
}
