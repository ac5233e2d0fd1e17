package roster

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestDays checks that the first and the last day, in UTC, belong to the membership, in every time zone of now.
func TestDays(t *testing.T) {
	t.Parallel()
	day := func(d int) time.Time { return time.Date(2027, 3, d, 0, 0, 0, 0, time.UTC) }
	p := Person{From: DayOf(day(10)), Until: DayOf(day(20))}
	type said struct{ notYet, soon, ended bool }
	for _, tt := range []struct {
		now  time.Time
		want said
	}{
		{day(10).Add(-time.Second), said{notYet: true}},
		{day(10), said{}},
		{day(10).In(time.FixedZone("west", -8*3600)), said{}},
		{day(13).Add(-time.Second), said{}},
		{day(13), said{soon: true}},
		{day(20), said{soon: true}},
		{day(21).Add(-time.Second), said{soon: true}},
		{day(21).Add(-time.Second).In(time.FixedZone("east", 14*3600)), said{soon: true}},
		{day(21), said{ended: true}},
	} {
		got := said{p.NotYet(tt.now), p.EndsSoon(tt.now), p.Ended(tt.now)}
		if d := cmp.Diff(tt.want, got, cmp.AllowUnexported(said{})); d != "" {
			t.Errorf("%v (-want +got):\n%s", tt.now, d)
		}
	}
	if always := (&Person{}); always.NotYet(day(1)) || always.EndsSoon(day(1)) || always.Ended(day(1)) ||
		!always.Until.End().IsZero() {
		t.Error("a person without days has some")
	}
	if end := p.Until.End(); !end.Equal(day(21)) {
		t.Errorf("the last day ends at %v", end)
	}
}
