//go:build e2e

package clients

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// block is a block of code of docs/tenants.md.
type block struct{ language, text string }

var codeBlock = regexp.MustCompile("(?s)```([a-z]+)\n(.*?)```")

// shown returns the blocks of a section of docs/tenants.md, in their order.
func shown(t *testing.T, heading string) []block {
	t.Helper()

	page, err := os.ReadFile(filepath.Join(scripts, "../../../docs/tenants.md"))
	if err != nil {
		t.Fatal(err)
	}

	_, section, ok := strings.Cut(string(page), "\n"+heading+"\n")
	if !ok {
		t.Fatalf("docs/tenants.md has no section %q", heading)
	}

	section, _, _ = strings.Cut(section, "\n##")

	matches := codeBlock.FindAllStringSubmatch(section, -1)
	blocks := make([]block, 0, len(matches))

	for _, m := range matches {
		blocks = append(blocks, block{language: m[1], text: m[2]})
	}

	return blocks
}

// files are the names under which the page's programs and configurations are saved.
var files = map[string]string{"python": "app.py", "js": "app.js", "go": "main.go", "yaml": "config.yml"}

// prepare saves the programs that the page shows for a client, and returns its commands.
// As the page says, lines that name ca.crt are left out where the Secret has none.
func (s *session) prepare(t *testing.T) string {
	t.Helper()

	var script strings.Builder

	for _, b := range shown(t, "### "+cmp.Or(s.heading, s.name)) {
		if b.language != "sh" {
			if err := os.WriteFile(filepath.Join(s.home, files[b.language]), []byte(b.text), 0o600); err != nil {
				t.Fatal(err)
			}

			continue
		}

		for line := range strings.Lines(b.text) {
			if s.data["ca.crt"] != nil || !strings.Contains(line, "ca.crt") {
				script.WriteString(line)
			}
		}
	}

	return script.String()
}

// testPage runs what the page shows for a client, with nothing but the Secret.
func testPage(t *testing.T, c *client) { runPage(t, newSession(t, c, issued[writer])) }

// testPageElsewhere runs it against a server in another region without TLS.
func testPageElsewhere(t *testing.T, c *client) {
	runPage(t, newSession(t, c, issued[otherRegion]))
}

func runPage(t *testing.T, s *session) {
	t.Helper()

	script, env := s.prepare(t), s.env

	switch s.client {
	case registry:
		s.runPageRegistry(t, script)
		return
	case minioGo:
		env = s.goModule(t, ".")
	case sdkGo:
		env = s.goModule(t, "test/dev/tools/aws-sdk-go")
	case pgBackRest:
		if out, err := s.run(t.Context(), env, script); err != nil {
			t.Errorf("want an empty list, got %v: %s", err, out)
		}

		return
	}

	if out, err := s.run(t.Context(), env, script); err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	for _, file := range []string{"back.txt", "restored/hello.txt"} {
		if content, err := os.ReadFile(filepath.Join(s.home, file)); err == nil && string(content) == "hello\n" {
			return
		}
	}

	t.Error("want the file to come back")
}

// goModule makes a module of the session's directory, which requires what a go.mod of the
// clone requires, and returns the variables that go needs to build it.
func (s *session) goModule(t *testing.T, dir string) []string {
	t.Helper()

	for _, file := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(scripts, "../../..", dir, file))
		if err == nil {
			err = os.WriteFile(filepath.Join(s.home, file), content, 0o600)
		}

		if err != nil {
			t.Fatal(err)
		}
	}

	// -trimpath finds what was compiled for the pinned programs.
	out, err := s.run(t.Context(), os.Environ(), "go env GOROOT GOCACHE GOMODCACHE GOPROXY GOSUMDB")
	values := strings.Split(out, "\n")

	if err != nil || len(values) < 5 {
		t.Fatalf("go env: %v: %s", err, out)
	}

	return append(slices.Clip(s.env), "PATH="+values[0]+"/bin:"+s.variable("PATH"), "GOCACHE="+values[1], "GOMODCACHE="+values[2],
		"GOPROXY="+values[3], "GOSUMDB="+values[4], "GOFLAGS=-trimpath", "CGO_ENABLED=0")
}

// runPageRegistry starts the registry as the page shows it, with another port, and pushes an
// image.
func (s *session) runPageRegistry(t *testing.T, script string) {
	t.Helper()

	image, err := random.Image(1000, 1)
	if err != nil {
		t.Fatal(err)
	}

	config, err := os.ReadFile(filepath.Join(s.home, files["yaml"]))
	if err != nil {
		t.Fatal(err)
	}

	s.withRegistry(t, func(ctx context.Context, address string) error {
		moved := bytes.ReplaceAll(config, []byte("127.0.0.1:5000"), []byte(address))
		if err := os.WriteFile(filepath.Join(s.home, files["yaml"]), moved, 0o600); err != nil {
			return err
		}

		_, err := s.run(ctx, s.env, script)

		return err
	}, func(ref name.Reference, o []remote.Option) {
		if err := remote.Write(ref, image, o...); err != nil {
			t.Errorf("cannot push an image: %v", err)
		}
	})
}

// TestPage wants the page to have a section for each client, which names its variable for
// certificate authorities, and to show how a Secret gets to a client.
func TestPage(t *testing.T) {
	for _, c := range clients {
		var text strings.Builder
		for _, b := range shown(t, "### "+cmp.Or(c.heading, c.name)) {
			text.WriteString(b.text)
		}

		for _, e := range c.env {
			if strings.Contains(e, "ca.crt") && !strings.Contains(text.String(), e) {
				t.Errorf("want the section of %s to set %s", c.name, e)
			}
		}
	}

	general := shown(t, "## Clients")
	if len(general) != 2 || general[0].language != "yaml" || general[1].language != "sh" {
		t.Fatalf("want a pod and commands, got %v", general)
	}

	pod := &corev1.Pod{}
	if err := yaml.UnmarshalStrict([]byte(general[0].text), pod); err != nil {
		t.Errorf("the pod: %v", err)
	}

	testOutside(t, general[1].text)
}

// testOutside gets a Secret with kubectl as the page shows it, and compares variables and
// files.
func testOutside(t *testing.T, commands string) {
	t.Helper()

	s := newSession(t, curl, nil)
	s.env = []string{"HOME=" + t.TempDir(), "PATH=/usr/bin:/bin", "KUBECONFIG=" + cluster.kubeconfig}
	kubectl := fmt.Sprintf("kubectl() { %s --namespace %s \"$@\"; }\n", cluster.kubectl, cluster.namespace)

	out, err := s.run(t.Context(), s.env, kubectl+strings.ReplaceAll(commands, "bucket-backup-prod-credentials", cluster.secret)+"\nenv -0")
	if err != nil {
		t.Fatal(err)
	}

	variables := strings.Split(out, "\x00")
	for _, key := range slices.Sorted(maps.Keys(cluster.data)) {
		value := string(cluster.data[key])

		if got, err := os.ReadFile(filepath.Join(s.variable("HOME"), "s3", key)); err != nil || string(got) != value {
			t.Errorf("file %s: want what the Secret has, got %d bytes, %v", key, len(got), err)
		}

		if envName.MatchString(key) && !slices.Contains(variables, key+"="+strings.TrimRight(value, "\n")) {
			t.Errorf("variable %s: want what the Secret has", key)
		}
	}
}
