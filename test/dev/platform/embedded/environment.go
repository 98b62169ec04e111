package embedded

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// environment returns the variables of a container, and those that lead its program to
// the API server and the proxy.
func (c *container) environment(ctx context.Context) ([]string, error) {
	env := []string{
		"PATH=/usr/bin:/bin", "HOME=" + c.dir, "TMPDIR=" + os.TempDir(),
		"HTTP_PROXY=http://" + c.Proxy, "HTTPS_PROXY=http://" + c.Proxy,
		"POD_NAMESPACE=" + c.object.Namespace,
	}

	if config := filepath.Join(c.dir, kubeconfigFile); exists(config) {
		env = append(env, "KUBECONFIG="+config)
	}

	for _, from := range c.spec.EnvFrom {
		if from.SecretRef == nil {
			return nil, fmt.Errorf("container %q: only Secrets are supported in envFrom", c.spec.Name)
		}

		secret, err := c.client.CoreV1().Secrets(c.object.Namespace).Get(ctx, from.SecretRef.Name, metav1.GetOptions{})
		if err != nil {
			return nil, fmt.Errorf("container %q: %w", c.spec.Name, err)
		}

		for k, v := range secret.Data {
			env = append(env, from.Prefix+k+"="+string(v))
		}
	}

	for _, v := range c.spec.Env {
		value, set, err := c.value(ctx, v)
		if err != nil {
			return nil, fmt.Errorf("container %q, variable %s: %w", c.spec.Name, v.Name, err)
		}

		if set {
			env = append(env, v.Name+"="+c.local(value))
		}
	}

	return env, nil
}

// value returns the value of a variable, and whether it is set.
func (c *container) value(ctx context.Context, v corev1.EnvVar) (value string, set bool, err error) {
	from := v.ValueFrom
	if from == nil {
		return v.Value, true, nil
	}

	switch {
	case from.FieldRef != nil:
		return c.field(from.FieldRef.FieldPath)
	case from.ResourceFieldRef != nil:
		return c.resource(from.ResourceFieldRef)
	case from.SecretKeyRef != nil:
		ref := from.SecretKeyRef

		secret, err := c.client.CoreV1().Secrets(c.object.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
		if err != nil {
			return "", false, missing(err, ref.Optional)
		}

		data, ok := secret.Data[ref.Key]

		return string(data), ok, nil
	case from.ConfigMapKeyRef != nil:
		ref := from.ConfigMapKeyRef

		config, err := c.client.CoreV1().ConfigMaps(c.object.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
		if err != nil {
			return "", false, missing(err, ref.Optional)
		}

		data, ok := config.Data[ref.Key]

		return data, ok, nil
	default:
		return "", false, fmt.Errorf("its source is not supported")
	}
}

// missing returns nil for an object that does not exist and need not.
func missing(err error, optional *bool) error {
	if apierrors.IsNotFound(err) && optional != nil && *optional {
		return nil
	}

	return err
}

func (c *container) field(path string) (value string, set bool, err error) {
	for prefix, values := range map[string]map[string]string{
		"metadata.labels['": c.object.Labels, "metadata.annotations['": c.object.Annotations,
	} {
		if key, ok := strings.CutPrefix(path, prefix); ok {
			return values[strings.TrimSuffix(key, "']")], true, nil
		}
	}

	switch path {
	case "metadata.name":
		return c.object.Name, true, nil
	case "metadata.namespace":
		return c.object.Namespace, true, nil
	case "metadata.uid":
		return string(c.object.UID), true, nil
	case "spec.serviceAccountName":
		return c.object.Spec.ServiceAccountName, true, nil
	case "spec.nodeName":
		return NodeName, true, nil
	case "status.podIP", "status.hostIP":
		return "127.0.0.1", true, nil
	default:
		return "", false, fmt.Errorf("field %q is not supported", path)
	}
}

// resource returns a limit of the container. A limit of processors that is not set is
// what the machine has.
func (c *container) resource(ref *corev1.ResourceFieldSelector) (value string, set bool, err error) {
	switch ref.Resource {
	case "limits.cpu":
		if q, ok := c.spec.Resources.Limits[corev1.ResourceCPU]; ok {
			return fmt.Sprint(q.Value()), true, nil // rounded up
		}

		return fmt.Sprint(runtime.NumCPU()), true, nil
	case "limits.memory":
		if q, ok := c.spec.Resources.Limits[corev1.ResourceMemory]; ok {
			return fmt.Sprint(q.Value()), true, nil
		}

		return "", false, nil
	default:
		return "", false, fmt.Errorf("resource %q is not supported", ref.Resource)
	}
}

func exists(file string) bool {
	_, err := os.Stat(file)

	return err == nil
}
