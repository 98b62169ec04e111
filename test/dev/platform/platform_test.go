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
		Daemon:   daemon{PID: 1, Started: 2},
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

// TestProcess checks the process of the test, which is alive.
func TestProcess(t *testing.T) {
	t.Parallel()

	_, started, err := stat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}

	cases := map[string]struct {
		reason string
		p      daemon
		want   bool
	}{
		"Alive":  {reason: "PID and start are those of this process.", p: daemon{PID: os.Getpid(), Started: started}, want: true},
		"Reused": {reason: "The PID belongs to a process that started later.", p: daemon{PID: os.Getpid(), Started: started - 1}},
		"None":   {reason: "There is no process without a PID.", p: daemon{}},
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
