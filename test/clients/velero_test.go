//go:build e2e

package clients

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	miniogo "github.com/minio/minio-go/v7"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kubernetes "sigs.k8s.io/controller-runtime/pkg/client"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/component"
	"github.com/cistern-dev/cistern/test/dev/tools"
	"github.com/cistern-dev/cistern/test/process"
)

const (
	veleroNamespace = "velero"
	// veleroSecret is the name of the Secret in docs/clients.md: that of the claim backups.
	veleroSecret = "bucket-backups-credentials"
	// backups is the name of its bucket.
	backups = "velero-backups"
	// shop is the namespace that is backed up.
	shop = "shop"
)

// velero is a cluster in which Velero runs, as a process.
type velero struct {
	*component.Env

	env  []string
	home string
}

// TestVelero backs up and restores a namespace with what docs/clients.md makes of a Secret.
func TestVelero(t *testing.T) {
	t.Parallel()

	v := startVelero(t)
	user := v.claim(t, "default", "backups", veleroSecret)

	part(t, clientVelero, "location with a CA of one's own", func(t *testing.T) { v.locate(t, "default") })
	part(t, clientVelero, "backup, restore of a deleted namespace", v.testRestore)
	part(t, clientVelero, "expired backup deleted", v.testExpiry)
	part(t, clientVelero, "backup after a rotation, old key ended", func(t *testing.T) {
		rotate(t, v.Env, user, metav1.Duration{})
		v.backup(t, "after-rotation", time.Hour)
	})
	part(t, clientVelero, "reader: backup refused", v.testReader)
	part(t, clientVelero, "location in another region, plain HTTP", func(t *testing.T) { v.testElsewhere(t, otherRegion) })

	if servers[ipv6] {
		part(t, clientVelero, "location at an IPv6 address", func(t *testing.T) { v.testElsewhere(t, ipv6) })
	}
}

// startVelero starts Velero's server in the component environment.
func startVelero(t *testing.T) *velero {
	t.Helper()

	kubectl, err := tools.Build(t.Context(), io.Discard, "kubectl")
	if err != nil {
		t.Fatal(err)
	}

	version, err := pinnedVersion("test/dev/tools/velero/go.mod", "github.com/vmware-tanzu/velero")
	if err != nil {
		t.Fatal(err)
	}

	results.began(clientVelero, version)

	v := &velero{Env: componentEnv(t), home: t.TempDir()}
	v.env = []string{
		"HOME=" + v.home, "TMPDIR=" + v.home, "KUBECONFIG=" + v.Kubeconfig(),
		"PATH=" + filepath.Dir(found.pinned["velero"]) + ":" + filepath.Dir(kubectl["kubectl"]) + ":/usr/bin:/bin",
	}

	// No controller makes a pod of the Deployment, which restores look for.
	v.shell(t, "velero install --plugins velero/velero-plugin-for-aws:latest --no-secret --no-default-backup-location"+
		" --use-volume-snapshots=false --dry-run -o yaml | kubectl apply -f -")

	if err := v.Kube.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: shop}}); err != nil {
		t.Fatal(err)
	}

	v.serve(t)

	return v
}

// claim creates what a claim in Velero's namespace is composed of, and waits for its
// Secret.
func (v *velero) claim(t *testing.T, config, name, secret string) *miniov1alpha1.User {
	t.Helper()

	b := &miniov1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{Name: "velero-" + name, Namespace: veleroNamespace}}
	b.Spec.ProviderConfigReference = configOf(config)

	if err := v.Kube.Create(t.Context(), b); err != nil {
		t.Fatal(err)
	}

	u := newUser(veleroNamespace, name, config, secret, b.Name, miniov1alpha1.AccessReadWrite)
	issue(t, v.Env, u, "")

	return u
}

// serve starts Velero's server, which ends with the test.
func (v *velero) serve(t *testing.T) {
	t.Helper()

	log, group := filepath.Join(v.home, "velero.log"), process.NewGroup()
	t.Cleanup(group.Close)

	server, err := group.Start("Velero", process.Options{Env: v.env, Dir: v.home, Log: log},
		found.pinned["velero"], "server", "--namespace="+veleroNamespace, "--plugin-dir="+filepath.Dir(found.pinned["velero-plugin-for-aws"]),
		"--metrics-address=127.0.0.1:0", "--profiler-address=",
		// The defaults are a minute and an hour.
		"--store-validation-frequency=2s", "--garbage-collection-frequency=2s")
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		// It ends its plugins when it is asked to stop.
		if err := server.Terminate(time.Minute); err != nil {
			t.Error(err)
			server.Kill()
		}

		if t.Failed() {
			t.Logf("what Velero warns of:\n%s", warnings(log))
		}
	})
}

// warnings returns the lines of Velero's log that say more than that it works.
func warnings(log string) string {
	content, err := os.ReadFile(log)
	if err != nil {
		return err.Error()
	}

	var b strings.Builder

	for line := range strings.Lines(string(content)) {
		if !strings.Contains(line, "level=info") && !strings.Contains(line, "level=debug") {
			b.WriteString(line)
		}
	}

	return b.String()
}

// documented returns a block of shell commands of docs/clients.md.
func documented(t *testing.T, name string) string {
	t.Helper()

	page, err := os.ReadFile(filepath.Join(scripts, "..", "..", "..", "docs", "clients.md"))
	if err != nil {
		t.Fatal(err)
	}

	block := regexp.MustCompile("(?s)<!-- run " + name + " -->\n+```sh\n(.*?)```\n").FindSubmatch(page)
	if block == nil {
		t.Fatalf("docs/clients.md has no commands for %s", name)
	}

	return string(block[1])
}

// shell runs commands, which must succeed, and returns what they print.
func (v *velero) shell(t *testing.T, commands string) string {
	t.Helper()

	ctx, cancel := context.WithTimeout(t.Context(), await.Timeout)
	defer cancel()

	cmd := exec.CommandContext(ctx, "/bin/sh", "-euc", commands)
	cmd.Env, cmd.Dir, cmd.WaitDelay = v.env, v.home, time.Second

	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", commands, err, last(string(out)))
	}

	return string(out)
}

// object returns an object of Velero's, to read.
func object(kind, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(schema.GroupVersionKind{Group: "velero.io", Version: "v1", Kind: kind})
	o.SetNamespace(veleroNamespace)
	o.SetName(name)

	return o
}

// await waits until an object of Velero's is in a phase.
func (v *velero) await(t *testing.T, kind, name, phase string) {
	t.Helper()

	o := object(kind, name)

	await.For(t, kind+" "+name, func() error {
		err := v.Kube.Get(t.Context(), kubernetes.ObjectKeyFromObject(o), o)
		got, _, _ := unstructured.NestedString(o.Object, "status", "phase")

		if err == nil && got != phase {
			err = fmt.Errorf("want the phase %s, got the status %v", phase, o.Object["status"])
		}

		// Velero tries nothing twice.
		if strings.HasSuffix(got, "Failed") && got != phase {
			t.Fatal(err)
		}

		return err
	})
}

// backup makes a backup of the namespace shop.
func (v *velero) backup(t *testing.T, name string, ttl time.Duration) {
	t.Helper()
	v.shell(t, fmt.Sprintf("velero backup create %s --include-namespaces %s --ttl %s --wait", name, shop, ttl))
	v.await(t, "Backup", name, "Completed")
}

func (v *velero) testRestore(t *testing.T) {
	order := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "order", Namespace: shop}, Data: map[string]string{"item": "a cistern"}}
	if err := v.Kube.Create(t.Context(), order); err != nil {
		t.Fatal(err)
	}

	v.backup(t, "kept", time.Hour)

	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: shop}}
	if err := v.Kube.Delete(t.Context(), ns); err != nil {
		t.Fatal(err)
	}

	await.Gone(t, v.Kube, ns)
	v.shell(t, "velero restore create back --from-backup kept --wait")
	v.await(t, "Restore", "back", "Completed")

	restored := &corev1.ConfigMap{}
	if err := v.Kube.Get(t.Context(), kubernetes.ObjectKeyFromObject(order), restored); err != nil || restored.Data["item"] != "a cistern" {
		t.Errorf("want the restored ConfigMap, got %v, error %v", restored.Data, err)
	}
}

func (v *velero) testExpiry(t *testing.T) {
	v.shell(t, "velero backup create short --include-namespaces "+shop+" --ttl 5s")
	await.For(t, "the stored backup", func() error { return v.stored(t, "short", true) })
	await.Gone(t, v.Kube, object("Backup", "short"))
	await.For(t, "the stored backup to be deleted", func() error { return v.stored(t, "short", false) })
}

// stored returns an error unless the bucket holds objects of a backup, or none.
func (v *velero) stored(t *testing.T, backup string, want bool) error {
	t.Helper()

	n, options := 0, miniogo.ListObjectsOptions{Prefix: "backups/" + backup + "/", Recursive: true}

	for o := range v.Server.S3.ListObjects(t.Context(), backups, options) {
		if o.Err != nil {
			return o.Err
		}

		n++
	}

	if (n > 0) != want {
		return fmt.Errorf("the bucket holds %d objects of it", n)
	}

	return nil
}

// testReader makes another location of the Secret of a reader of the same bucket.
func (v *velero) testReader(t *testing.T) {
	u := newUser(veleroNamespace, "viewer", "default", locationSecret("viewer"), backups, miniov1alpha1.AccessReadOnly)
	issue(t, v.Env, u, "")
	v.locate(t, "viewer")
	v.shell(t, "velero backup create refused --include-namespaces "+shop+" --storage-location viewer --wait")
	v.await(t, "Backup", "refused", "Failed")

	if err := v.stored(t, "refused", false); err != nil {
		t.Error(err)
	}
}

// testElsewhere makes another location of the Secret of another server.
func (v *velero) testElsewhere(t *testing.T, config string) {
	v.claim(t, config, config, locationSecret(config))
	v.locate(t, config)
}

func locationSecret(location string) string { return "bucket-" + location + "-credentials" }

// locate makes a location as docs/clients.md shows it, and waits until Velero can use it. The
// one named default is that of the page.
func (v *velero) locate(t *testing.T, location string) {
	t.Helper()

	commands := documented(t, "velero")
	if location != "default" {
		commands = strings.NewReplacer(
			veleroSecret, locationSecret(location), "name: default", "name: "+location, "default: true", "default: false").Replace(commands)
	}

	v.shell(t, commands)
	v.await(t, "BackupStorageLocation", location, "Available")
}
