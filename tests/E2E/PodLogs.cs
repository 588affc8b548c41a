using System.Net;
using k8s;
using k8s.Autorest;
using Slipway.JobPods;
using Slipway.Kube;

namespace Slipway.Tests.E2E;

/// <summary>What containers write, asked of the API server: a kubectl for every look would have a fifth of two processors.</summary>
internal sealed class PodLogs(string kubeconfig) : IDisposable
{
    private readonly Kubernetes _client = new(KubernetesClientConfiguration.BuildConfigFromConfigFile(kubeconfig));

    public void Dispose() => _client.Dispose();

    /// <summary>Of the Job's newest pod; empty while there is nobody to write.</summary>
    public async Task<string> OfJobAsync(NamespacedName job, string container = JobContainers.Runner)
    {
        if (await OpenAsync(job, container, follow: false) is not { } stream) return "";
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync(CancellationToken.None);
    }

    /// <summary>Of one that goes soon: returns once its first line is there, and what it returns ends with the container.</summary>
    public async Task<Task<string>> FollowJobAsync(NamespacedName job)
    {
        var stream = await OpenAsync(job, JobContainers.Runner, follow: true) ?? throw new InvalidOperationException($"Nobody writes for {job}.");
        var reader = new StreamReader(stream);
        return RestAsync(reader, await reader.ReadLineAsync(CancellationToken.None));
    }

    private async Task<Stream?> OpenAsync(NamespacedName job, string container, bool follow)
    {
        var pods = await _client.CoreV1.ListNamespacedPodAsync(job.Namespace, labelSelector: $"job-name={job.Name}");
        if (pods.Items.MaxBy(pod => pod.Metadata.CreationTimestamp) is not { } pod) return null;
        try
        {
            return await _client.CoreV1.ReadNamespacedPodLogAsync(pod.Metadata.Name, job.Namespace, container, follow);
        }
        catch (HttpOperationException nobody) when (nobody.Response.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.NotFound or HttpStatusCode.InternalServerError)
        {
            // Its container has not begun, or is gone; or its kubelet is.
            return null;
        }
    }

    private static async Task<string> RestAsync(StreamReader reader, string? first)
    {
        using (reader) return $"{first}\n{await reader.ReadToEndAsync(CancellationToken.None)}";
    }
}
