package vultr

import "sync"

// progress counts the requests of lists for whoever wants to know how far reading is.
type progress struct {
	report func(done, known int) // nil: nobody

	mu          sync.Mutex
	done, known int
}

// count takes in that as many more requests are done, and known to be needed.
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
