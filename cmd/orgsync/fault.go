package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orgsync/orgsync/internal/sandbox"
)

// faultWords are the faults that --fault offers. The simulation knows more, for tests.
var faultWords = []string{
	string(sandbox.FaultStatus), string(sandbox.FaultForbid), string(sandbox.FaultThrottle), string(sandbox.FaultDrop),
	string(sandbox.FaultTruncate), string(sandbox.FaultHTML), string(sandbox.FaultHang), string(sandbox.FaultSlow),
	string(sandbox.FaultEmpty), string(sandbox.FaultRepeatCursor), string(sandbox.FaultWrongTotal),
}

// parseFault reads words as in "POST /v2/invitation drop after every=3".
func parseFault(s string) (sandbox.Fault, error) {
	var f sandbox.Fault
	for _, word := range strings.Fields(s) {
		key, text, _ := strings.Cut(word, "=")
		var err error
		switch {
		case slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, word):
			f.Method = word
		case strings.HasPrefix(word, "/"):
			f.Path = word
		case slices.Contains(faultWords, word):
			f.Kind = sandbox.Kind(word)
		case word == "after":
			f.After = true
		case key == "from":
			err = wholeNumber(&f.From, 1, 1_000_000).Set(text)
		case key == "every":
			err = wholeNumber(&f.Every, 1, 1_000_000).Set(text)
		case key == "times":
			err = wholeNumber(&f.Times, 1, 1_000_000).Set(text)
		case key == "status":
			err = wholeNumber(&f.Status, 400, 599).Set(text)
		case key == "delay":
			err = duration(&f.Delay, time.Millisecond).Set(text)
		default:
			return sandbox.Fault{}, fmt.Errorf("does not know the word %s; one of them must be %s", strconv.Quote(word), orList(faultWords))
		}
		if err != nil {
			return sandbox.Fault{}, fmt.Errorf("%s %w", key, err)
		}
	}
	if f.Kind == "" {
		return sandbox.Fault{}, fmt.Errorf("must say what happens: %s", orList(faultWords))
	}
	return f, nil
}
