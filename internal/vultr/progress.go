package vultr

import "sync"

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
