package embedded

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cistern-dev/cistern/test/dev/platform/pki"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	api "k8s.io/client-go/tools/clientcmd/api"
)

const (
	kubeconfigFile = "kubeconfig"
	// tokenLifetime is longer than any platform stays up.
	tokenLifetime = 365 * 24 * 60 * 60
)

// volumes makes the pod's volumes, or brings them up to date, and returns their
// directories by name. Each start of a container calls it; while programs run, the files
// of Secrets and ConfigMaps stay as they are.
func (p *pod) volumes(ctx context.Context) (map[string]string, error) {
	p.filling.Lock()
	defer p.filling.Unlock()

	if err := p.authenticate(ctx); err != nil {
		return nil, err
	}

	dirs := map[string]string{}

	for _, v := range p.object.Spec.Volumes {
		dir := filepath.Join(p.dir, "volumes", v.Name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("cannot make volume %q: %w", v.Name, err)
		}

		dirs[v.Name] = dir

		var err error

		switch {
		case v.Secret != nil:
			err = p.secretVolume(ctx, dir, v.Secret)
		case v.ConfigMap != nil:
			err = p.configMapVolume(ctx, dir, v.ConfigMap)
		case v.HostPath != nil:
			dirs[v.Name] = v.HostPath.Path
		case v.PersistentVolumeClaim != nil:
			dirs[v.Name], err = p.claimed(ctx, v.PersistentVolumeClaim.ClaimName)
		case v.EmptyDir != nil, v.Projected != nil: // the token is in the kubeconfig
		default:
			err = fmt.Errorf("its kind is not supported")
		}

		if err != nil {
			return nil, fmt.Errorf("cannot fill volume %q: %w", v.Name, err)
		}
	}

	return dirs, nil
}

// authenticate writes a kubeconfig with a token of the pod's ServiceAccount.
func (p *pod) authenticate(ctx context.Context) error {
	if mount := p.object.Spec.AutomountServiceAccountToken; mount != nil && !*mount {
		return nil
	}

	ca, err := os.ReadFile(p.pki("ca.crt"))
	if err != nil {
		return fmt.Errorf("cannot read the cluster's CA: %w", err)
	}

	token, err := p.client.CoreV1().ServiceAccounts(p.object.Namespace).CreateToken(ctx, p.object.Spec.ServiceAccountName,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
			ExpirationSeconds: new(int64(tokenLifetime)),
			BoundObjectRef:    &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: p.object.Name, UID: p.object.UID},
		}}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("cannot get a token for ServiceAccount %q: %w", p.object.Spec.ServiceAccountName, err)
	}

	config, err := pki.Kubeconfig("https://"+p.API, ca, api.AuthInfo{Token: token.Status.Token})
	if err != nil {
		return err
	}

	return writeFile(p.dir, kubeconfigFile, config)
}

func (p *pod) secretVolume(ctx context.Context, dir string, v *corev1.SecretVolumeSource) error {
	secret, err := p.client.CoreV1().Secrets(p.object.Namespace).Get(ctx, v.SecretName, metav1.GetOptions{})
	if err != nil {
		return missing(err, v.Optional)
	}

	return writeItems(dir, secret.Data, v.Items)
}

func (p *pod) configMapVolume(ctx context.Context, dir string, v *corev1.ConfigMapVolumeSource) error {
	config, err := p.client.CoreV1().ConfigMaps(p.object.Namespace).Get(ctx, v.Name, metav1.GetOptions{})
	if err != nil {
		return missing(err, v.Optional)
	}

	data := map[string][]byte{}
	for k, s := range config.Data {
		data[k] = []byte(s)
	}

	return writeItems(dir, data, v.Items)
}

// claimed returns the directory of a PersistentVolumeClaim.
func (p *pod) claimed(ctx context.Context, name string) (string, error) {
	claim, err := p.client.CoreV1().PersistentVolumeClaims(p.object.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", err
	}

	volume, err := p.client.CoreV1().PersistentVolumes().Get(ctx, claim.Spec.VolumeName, metav1.GetOptions{})
	if err != nil {
		return "", err
	}

	if volume.Spec.HostPath == nil {
		return "", fmt.Errorf("volume %q is not a directory of this machine", volume.Name)
	}

	return volume.Spec.HostPath.Path, nil
}

// writeItems writes all keys, or those that items name, as files.
func writeItems(dir string, data map[string][]byte, items []corev1.KeyToPath) error {
	if len(items) == 0 {
		for key := range data {
			items = append(items, corev1.KeyToPath{Key: key, Path: key})
		}
	}

	for _, i := range items {
		if err := writeFile(dir, i.Path, data[i.Key]); err != nil {
			return err
		}
	}

	return nil
}

func writeFile(dir, name string, content []byte) error {
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("cannot make a directory: %w", err)
	}

	if err := os.WriteFile(file, content, 0o600); err != nil {
		return fmt.Errorf("cannot write a file: %w", err)
	}

	return nil
}
