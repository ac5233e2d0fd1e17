package org

// Verdict is what the API says to one kind of request.
type Verdict string

// The verdicts.
const (
	VerdictAllowed   Verdict = "allowed"
	VerdictForbidden Verdict = "forbidden" // 403
	VerdictRefused   Verdict = "refused"   // 401: the key itself
	VerdictMissing   Verdict = "missing"   // 404
	VerdictFailed    Verdict = "error"     // any other status, no answer, or one that cannot be read
	VerdictUntried   Verdict = "untried"   // there was nothing to ask for
)
