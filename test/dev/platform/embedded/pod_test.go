package embedded

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/cistern-dev/cistern/package/image"
)

func TestLocal(t *testing.T) {
	t.Parallel()

	c := &container{
		pod: &pod{},
		spec: &corev1.Container{VolumeMounts: []corev1.VolumeMount{
			{Name: "certs", MountPath: "/certs"}, {Name: "part", MountPath: "/part", SubPath: "a"},
		}},
		dirs: map[string]string{"certs": "/run/1", "part": "/run/2"},
	}

	for in, want := range map[string]string{
		"/certs":            "/run/1",
		"/certs/tls.crt":    "/run/1/tls.crt",
		"--dir=/certs":      "--dir=/run/1",
		"--dir=/certs/a":    "--dir=/run/1/a",
		"/part/b":           "/run/2/a/b",
		"/certs2":           "/certs2",
		"x=/certs":          "x=/certs",
		"see /certs":        "see /certs",
		"--url=https://a/b": "--url=https://a/b",
		"":                  "",
	} {
		if got := c.local(in); got != want {
			t.Errorf("local(%q): want %q, got %q", in, want, got)
		}
	}
}

func TestSummarize(t *testing.T) {
	t.Parallel()

	running := corev1.ContainerStatus{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
	ready := running
	ready.Ready = true
	ended := func(code int32) corev1.ContainerStatus {
		return corev1.ContainerStatus{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code}}}
	}

	for name, tc := range map[string]struct {
		reason     string
		policy     corev1.RestartPolicy
		containers []corev1.ContainerStatus
		phase      corev1.PodPhase
		ready      corev1.ConditionStatus
	}{
		"New":       {"A pod without running containers is pending.", corev1.RestartPolicyAlways, nil, corev1.PodPending, corev1.ConditionFalse},
		"Starting":  {"It runs before it is ready.", corev1.RestartPolicyAlways, []corev1.ContainerStatus{running}, corev1.PodRunning, corev1.ConditionFalse},
		"Ready":     {"It is ready once its container is.", corev1.RestartPolicyAlways, []corev1.ContainerStatus{ready}, corev1.PodRunning, corev1.ConditionTrue},
		"Restarts":  {"A container that is started again does not end the pod.", corev1.RestartPolicyAlways, []corev1.ContainerStatus{ended(1)}, corev1.PodPending, corev1.ConditionFalse},
		"Succeeded": {"A job's pod succeeds.", corev1.RestartPolicyNever, []corev1.ContainerStatus{ended(0)}, corev1.PodSucceeded, corev1.ConditionFalse},
		"Failed":    {"A job's pod fails.", corev1.RestartPolicyNever, []corev1.ContainerStatus{ended(1)}, corev1.PodFailed, corev1.ConditionFalse},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			p := &pod{object: &corev1.Pod{Spec: corev1.PodSpec{RestartPolicy: tc.policy, Containers: make([]corev1.Container, 1)}}}
			p.status.ContainerStatuses = tc.containers
			p.summarize()

			got := corev1.ConditionUnknown

			for _, c := range p.status.Conditions {
				if c.Type == corev1.PodReady {
					got = c.Status
				}
			}

			if p.status.Phase != tc.phase || got != tc.ready {
				t.Errorf("%s\nwant %s, ready %s; got %s, ready %s", tc.reason, tc.phase, tc.ready, p.status.Phase, got)
			}
		})
	}
}

// TestUnpack checks that the files of an image are written below its directory.
func TestUnpack(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()

	file := filepath.Join(dir, "program")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	img, err := image.Build(image.Config{Entrypoint: []string{"program"}, Files: map[string]string{"/usr/local/bin/program": file, "/crds/a.yaml": file}})
	if err != nil {
		t.Fatal(err)
	}

	u := &unpacked{root: filepath.Join(dir, "root")}
	if err := unpack(img, u.root); err != nil {
		t.Fatal(err)
	}

	for program, want := range map[string]string{"program": "usr/local/bin/program", "/crds/a.yaml": "crds/a.yaml"} {
		got, err := u.find(program)
		if err != nil {
			t.Fatal(err)
		}

		if diff := cmp.Diff(filepath.Join(u.root, want), got); diff != "" {
			t.Errorf("find(%q): -want, +got:\n%s", program, diff)
		}

		if info, err := os.Stat(got); err != nil || info.Mode().Perm()&0o111 == 0 {
			t.Errorf("want %s to be executable, got %v, %v", got, info, err)
		}
	}

	if _, err := u.find("none"); err == nil || !strings.Contains(err.Error(), `no program "none"`) {
		t.Errorf("find() of a program that is not there: error %v", err)
	}
}
