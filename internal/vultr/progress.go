package vultr

import "sync"

// reads counts the requests of lists for whoever wants to know how far reading is.
type reads struct {
	tell func(done, known int) // nil: nobody

	mu          sync.Mutex
	done, known int
}

// count takes in that as many more requests are done, and known to be needed.
func (r *reads) count(done, known int) {
	if r.tell == nil || done == 0 && known == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done += done
	r.known += known
	r.tell(r.done, r.known)
}
