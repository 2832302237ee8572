// Prints what of the Pod Security level "restricted" each pod violates, as Kubernetes itself judges it: one line a pod,
// its file, a tab, and the violations with "; " between them, or nothing. It must never judge by rules of its own.
package main

import (
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

func main() {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		fail(err)
	}
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, file := range os.Args[1:] {
		text, err := os.ReadFile(file)
		if err != nil {
			fail(err)
		}
		var pod corev1.Pod
		// Strict: a member that Kubernetes does not know would be dropped, and with it what it was meant to say.
		if err := yaml.UnmarshalStrict(text, &pod); err != nil {
			fail(fmt.Errorf("%s: %w", file, err))
		}
		result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec))
		violations := ""
		if !result.Allowed {
			violations = result.ForbiddenDetail()
		}
		fmt.Printf("%s\t%s\n", file, violations)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
