package platform

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
)

func TestOpenAndDownWithoutPlatform(t *testing.T) {
	t.Parallel()

	o := Options{OutputDir: t.TempDir()}
	if _, err := Open(context.Background(), o); !errors.Is(err, ErrNotUp) {
		t.Errorf("Open(): error %v, want %v", err, ErrNotUp)
	}

	if err := Down(context.Background(), o); err != nil {
		t.Errorf("Down(): %v", err)
	}
}

func TestState(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	want := &state{
		Platform: Platform{Local: true, MinIOURL: "https://127.0.0.1:1"},
		Ready:    true,
		Daemon:   process{PID: 1, Started: 2},
	}

	if err := want.save(dir); err != nil {
		t.Fatal(err)
	}

	got, err := readState(dir)
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("readState(): -want, +got:\n%s", diff)
	}
}

func TestParseStat(t *testing.T) {
	t.Parallel()

	const rest = " 1 2 2 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 9 10 11"

	cases := map[string]struct {
		reason  string
		text    string
		status  string
		started uint64
		wantErr bool
	}{
		"Plain": {reason: "The status is field 3, and the start is field 22.", text: "17 (dev) S" + rest, status: "S", started: 4711},
		"Parentheses": {
			reason: "A program's name may contain parentheses and fields.",
			text:   "17 (a) R 1 (b) Z" + rest, status: "Z", started: 4711,
		},
		"Short": {reason: "A text with too few fields is an error.", text: "17 (dev) S 1 2", wantErr: true},
		"Empty": {reason: "An empty text is an error.", text: "", wantErr: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			status, started, err := parseStat(tc.text)
			if status != tc.status || started != tc.started || (err != nil) != tc.wantErr {
				t.Errorf("%s\nparseStat(): %q, %d, error %v", tc.reason, status, started, err)
			}
		})
	}
}

// TestProcess checks the process of the test, which is alive.
func TestProcess(t *testing.T) {
	t.Parallel()

	_, started, err := stat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}

	cases := map[string]struct {
		reason string
		p      process
		want   bool
	}{
		"Alive":  {reason: "PID and start are those of this process.", p: process{PID: os.Getpid(), Started: started}, want: true},
		"Reused": {reason: "The PID belongs to a process that started later.", p: process{PID: os.Getpid(), Started: started - 1}},
		"None":   {reason: "There is no process without a PID.", p: process{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			if got := tc.p.alive(); got != tc.want {
				t.Errorf("%s\nalive(): %t", tc.reason, got)
			}
		})
	}
}

func TestRenderMinIO(t *testing.T) {
	t.Parallel()

	cases := map[string]struct {
		reason string
		minio  minio
		want   []string
	}{
		"Local": {
			reason: "On a local node the volume is a directory.",
			minio:  minio{Image: "registry/minio:1", ClusterIP: "10.96.0.90", VolumeDir: "/data"},
			want: []string{
				"Namespace", "Secret", "Secret", "Secret", "ConfigMap", "PersistentVolume", "PersistentVolumeClaim", "Service", "Deployment",
			},
		},
		"Existing": {
			reason: "An existing cluster provides the volume.",
			minio:  minio{Image: "registry/minio:1"},
			want:   []string{"Namespace", "Secret", "Secret", "Secret", "ConfigMap", "PersistentVolumeClaim", "Service", "Deployment"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			manifests, _, err := tc.minio.render("cistern.dev/platform=x")
			if err != nil {
				t.Fatal(err)
			}

			var got []string

			for doc := range strings.SplitSeq(manifests, "\n---\n") {
				obj, kind, err := scheme.Codecs.UniversalDeserializer().Decode([]byte(doc), nil, nil)
				if err != nil {
					t.Fatalf("%s\nrender(): %v:\n%s", tc.reason, err, doc)
				}

				got = append(got, kind.Kind)

				if s, ok := obj.(*corev1.Secret); ok && s.Name == "minio-admin" && len(s.StringData["secretKey"]) != 40 {
					t.Errorf("%s\nrender(): the secret key has %d characters", tc.reason, len(s.StringData["secretKey"]))
				}
			}

			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\nrender(): kinds: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// FuzzParseStat checks that parseStat returns either a status or an error.
func FuzzParseStat(f *testing.F) {
	f.Add("17 (dev) S 1 2 2 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 9")
	f.Add(") ) )")

	f.Fuzz(func(t *testing.T, text string) {
		status, _, err := parseStat(text)
		if (err == nil) == (status == "") {
			t.Errorf("parseStat(%q): status %q, error %v", text, status, err)
		}
	})
}
