package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/flagvalue"
	"github.com/orgsync/orgsync/internal/printable"
	"github.com/orgsync/orgsync/internal/sandbox"
)

// faultWords are the faults that --fault offers. The simulation has more, for tests.
var faultWords = []string{
	string(sandbox.FaultStatus), string(sandbox.FaultForbid), string(sandbox.FaultThrottle), string(sandbox.FaultDrop),
	string(sandbox.FaultTruncate), string(sandbox.FaultHTML), string(sandbox.FaultHang), string(sandbox.FaultSlow),
	string(sandbox.FaultEmpty), string(sandbox.FaultRepeatCursor), string(sandbox.FaultWrongTotal),
	string(sandbox.FaultEmptyList),
	string(sandbox.FaultErrorInside), string(sandbox.FaultExpired),
}

// parseFault parses a fault such as "POST /v2/invitation drop after every=3".
func parseFault(s string) (sandbox.Fault, error) {
	var f sandbox.Fault
	said := map[string]bool{}
	for _, word := range strings.Fields(s) {
		key, text, _ := strings.Cut(word, "=")
		var err error
		switch {
		case slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, word):
			key, f.Method = "the method", word
		case strings.HasPrefix(word, "/"):
			key, f.Path = "the path", word
		case slices.Contains(faultWords, word):
			key, f.Kind = "what happens", sandbox.FaultKind(word)
		case word == "after":
			f.ActFirst = true
		case key == "from":
			err = flagvalue.Int(&f.From, 1, 1_000_000).Set(text)
		case key == "every":
			err = flagvalue.Int(&f.Every, 1, 1_000_000).Set(text)
		case key == "times":
			err = flagvalue.Int(&f.Times, 1, 1_000_000).Set(text)
		case key == "status":
			err = flagvalue.Int(&f.Status, 400, 599).Set(text)
		case key == "delay":
			err = flagvalue.Duration(&f.Delay, time.Millisecond).Set(text)
		case key == "late":
			err = flagvalue.Duration(&f.ActAfter, time.Millisecond).Set(text)
		default:
			return sandbox.Fault{}, fmt.Errorf("has the unknown word %s; one of its words must be %s", strconv.Quote(word),
				printable.JoinOr(faultWords))
		}
		if err == nil && said[key] {
			err = errors.New("is given twice; use one --fault for each fault")
		}
		if err != nil {
			return sandbox.Fault{}, fmt.Errorf("%s %w", key, err)
		}
		said[key] = true
	}
	if f.Kind == "" {
		return sandbox.Fault{}, fmt.Errorf("must say what happens: %s", printable.JoinOr(faultWords))
	}
	if f.Kind == sandbox.FaultSlow && f.Delay == 0 {
		return sandbox.Fault{}, errors.New("the word slow needs the word delay, as in: slow delay=5s")
	}
	if f.ActAfter > 0 && (f.ActFirst || f.Kind == sandbox.FaultSlow) {
		return sandbox.Fault{}, errors.New("the word late cannot be used with after or slow: each of these words says " +
			"when the server acts")
	}
	return f, nil
}
