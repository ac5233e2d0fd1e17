package vultr

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReading: what is told of reading a list grows to what it needs, and ends there, however the server counts.
func TestReading(t *testing.T) {
	t.Parallel()
	page := func(ids, next string) string {
		return userPage(ids, fmt.Sprintf(`{"total":6,"links":{"next":%q}}`, next))
	}
	tests := []struct {
		name  string
		pages []string
		want  [][2]int
	}{
		{"one page", []string{userPage("a", `{"total":1,"links":{"next":""}}`)}, [][2]int{{0, 1}, {1, 1}}},
		{"three pages", []string{page("a b", "1"), page("c d", "2"), page("e f", "")}, [][2]int{{0, 1}, {1, 1}, {1, 3},
			{2, 3}, {3, 3}}},
		{
			"smaller pages than the first", []string{page("a b c", "1"), page("d", "2"), page("e", "3"), page("f", "")},
			[][2]int{{0, 1}, {1, 1}, {1, 2}, {2, 2}, {2, 4}, {3, 4}, {4, 4}},
		},
		{
			"larger pages than the first", []string{page("a", "1"), page("b c d e f", "")},
			[][2]int{{0, 1}, {1, 1}, {1, 6}, {2, 6}, {2, 2}},
		},
		{
			"an empty page on the way", []string{page("", "1"), page("a b c d e f", "")},
			[][2]int{{0, 1}, {1, 1}, {1, 2}, {2, 2}},
		},
		{"refused", nil, [][2]int{{0, 1}, {0, 0}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			left := tt.pages
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if len(left) == 0 {
					answerJSON(w, http.StatusForbidden, `{"error":"no","status":403}`)
					return
				}
				answerJSON(w, http.StatusOK, left[0])
				left = left[1:]
			}))
			defer server.Close()
			var told [][2]int
			cfg := testConfig(server.URL)
			cfg.Reading = func(done, known int) { told = append(told, [2]int{done, known}) }
			if _, err := list(t.Context(), mustNew(t, cfg), users); (err != nil) != (tt.pages == nil) {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, told); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}
