package org

// Verdict is how the API answers one kind of request of a key.
type Verdict string

// The verdicts.
const (
	VerdictAllowed   Verdict = "allowed"
	VerdictForbidden Verdict = "forbidden" // 403 of the API
	VerdictBadKey    Verdict = "refused"   // 401: the key does not work
	VerdictMissing   Verdict = "missing"   // 404
	VerdictFailed    Verdict = "error"     // any other answer, no answer, or an answer that cannot be read
	VerdictUntried   Verdict = "untried"   // no request was made
)
