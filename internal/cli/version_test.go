package cli

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBuiltFrom(t *testing.T) {
	t.Parallel()
	const commit = "692d3273bb1d0d2a3c9dba7e2d1c5f1f0a6b7c8d"
	stamped := func(version string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: settings}
	}
	revision := debug.BuildSetting{Key: "vcs.revision", Value: commit}
	dirty := debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	clean := debug.BuildSetting{Key: "vcs.modified", Value: "false"}
	tests := []struct {
		name string
		info *debug.BuildInfo
		want build // but for Go and Platform
		text string
	}{
		{"nothing is stamped", nil, build{Version: "(devel)"}, "orgsync (devel) ("},
		{"a build without a repository", stamped("(devel)"), build{Version: "(devel)"}, "orgsync (devel) ("},
		{"a release", stamped("v1.2.3", revision, clean), build{Version: "v1.2.3", Commit: commit},
			"orgsync v1.2.3 (commit " + commit + ", "},
		{
			"a changed checkout", stamped("v1.2.4-0.20261123101702-692d3273bb1d+dirty", revision, dirty),
			build{Version: "v1.2.4-0.20261123101702-692d3273bb1d+dirty", Commit: commit, Modified: true},
			"orgsync v1.2.4-0.20261123101702-692d3273bb1d+dirty (commit " + commit + " with changes, ",
		},
		{"go install of a tag", stamped("v1.2.3"), build{Version: "v1.2.3"}, "orgsync v1.2.3 ("},
		{
			"go install of a commit", stamped("v0.0.0-20261123101702-692d3273bb1d"),
			build{Version: "v0.0.0-20261123101702-692d3273bb1d", Commit: "692d3273bb1d"},
			"orgsync v0.0.0-20261123101702-692d3273bb1d (commit 692d3273bb1d, ",
		},
		{"a tag that looks like one", stamped("v1.2.3-20261123-692d3273bb1d"), build{Version: "v1.2.3-20261123-692d3273bb1d"},
			"orgsync v1.2.3-20261123-692d3273bb1d ("},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.want.Go, tt.want.Platform = runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH
			got := newBuild(tt.info)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("builtFrom() (-want +got):\n%s", diff)
			}
			if want := tt.text + runtime.Version() + ", " + tt.want.Platform + ")"; got.String() != want {
				t.Errorf("it says %s, want %s", got, want)
			}
		})
	}
}
