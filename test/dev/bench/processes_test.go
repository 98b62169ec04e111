package bench

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseStat(t *testing.T) {
	type want struct {
		process process
		err     bool
	}

	cases := map[string]struct {
		reason string
		stat   string
		want   want
	}{
		"Plain": {
			"Parent and times are at their places in proc(5).",
			"31713 (provider-minio) S 31612 31713 31713 0 -1 4194560 5500 0 0 0 25 7 0 0 20 0 10 0 3643 1341726720 14208",
			want{process: process{pid: 31713, parent: 31612, used: 320 * time.Millisecond}},
		},
		"Brackets": {
			"The name of a program may contain parentheses.",
			"7 (a) b (c) S 1 7 7 0 -1 0 0 0 0 0 100 0 0 0 20 0 1 0 1 1 1",
			want{process: process{pid: 7, parent: 1, used: time.Second}},
		},
		"Short":   {"A text with too few fields is an error.", "7 (a) S 1 7 7", want{err: true}},
		"NoTicks": {"A time that is not a number is an error.", "7 (a) S 1 7 7 0 -1 0 0 0 0 0 x 0 0", want{err: true}},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := parseStat(tc.stat)
			if (err != nil) != tc.want.err {
				t.Fatalf("%s\nparseStat(...): want an error: %t, got %v", tc.reason, tc.want.err, err)
			}

			if err != nil {
				return
			}

			if diff := cmp.Diff(tc.want.process, got, cmp.AllowUnexported(process{})); diff != "" {
				t.Errorf("%s\nparseStat(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestReadProcess reads the process of the test.
func TestReadProcess(t *testing.T) {
	p, err := readProcess("/proc/" + strconv.Itoa(os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}

	if p.pid != os.Getpid() || p.parent != os.Getppid() || p.name != "bench.test" {
		t.Errorf("want this process, got %+v", p)
	}
}

func TestProgramName(t *testing.T) {
	cases := map[string]struct{ reason, cmdline, want string }{
		"Program":    {"The name is the last element of the path.", "/provider-minio\x00", "provider-minio"},
		"Arguments":  {"Arguments are not part of the name.", "/minio\x00server\x00/data\x00", "minio"},
		"Kubernetes": {"The subcommand of kube is the component.", "/tools/kube\x00kube-apiserver\x00--v=1\x00", "kube-apiserver"},
		"Crossplane": {"The subcommand of Crossplane tells core and RBAC manager apart.", "crossplane\x00core\x00start\x00", "crossplane core"},
		"Kernel":     {"A kernel thread has no command line.", "", "."},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, programName(tc.cmdline)); diff != "" {
				t.Errorf("%s\nprogramName(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestParseBusy(t *testing.T) {
	got, err := parseBusy("cpu  100 20 30 99999 5000 4 6 0 50 0")
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(1.6, got); diff != "" {
		t.Errorf("parseBusy(...): idle time, iowait and guest time, which is part of user time, do not count: -want, +got:\n%s", diff)
	}

	if _, err := parseBusy("cpu x"); err == nil {
		t.Error("parseBusy(...): want an error for a text that is not a number, got none")
	}
}
