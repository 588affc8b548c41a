using System.CommandLine;
using Slipway.Builds;
using Slipway.JobPods;
using Slipway.Kube;
using Slipway.Kube.Leadership;
using Slipway.Pki;
using Slipway.Pools;
using Slipway.Tracing;

namespace Slipway;

/// <summary>The operator's command line. Every option is one that the chart sets; docs/operator.md lists them.</summary>
internal static class OperatorCommand
{
    private static readonly Option<string> Namespace = new("--namespace")
    {
        Description = "The operator's own namespace, where the pools' certificate authorities are kept.",
        Required = true,
    };

    private static readonly Option<string> RunnerImage = new("--runner-image") { Description = "Image of the build Jobs: this program's own.", Required = true };

    private static readonly Option<string> BuildkitImage = new("--buildkit-image")
    {
        Description = "Rootless BuildKit image of pools that name none.",
        DefaultValueFactory = _ => new PoolOptions().DefaultImage,
    };

    private static readonly Option<string[]> JobNodeSelector = Labels("--job-node-selector", "label=value that nodes of build Jobs must have; may be given several times.");

    private static readonly Option<TimeSpan> UnschedulableAfter = Duration("--unschedulable-after", "How long a Job may be without a pod, or its pod without a node, before its build is given up.", BuildOptions.DefaultUnschedulableAfter);

    private static readonly Option<TimeSpan> NotStartedAfter = Duration("--not-started-after", "How long a Job's image may fail to be pulled before its build is given up.", BuildOptions.DefaultNotStartedAfter);

    private static readonly Option<TimeSpan> ServerCertificateLifetime = Duration(
        "--server-certificate-lifetime", "How long builders' certificates last that are issued from now on; each is replaced when a third of it is left.",
        PoolOptions.DefaultServerCertificateLifetime, PoolOptions.ShortestServerCertificateLifetime);

    private static readonly Option<bool> LeaderElect = new("--leader-elect")
    {
        Description = "Work only while holding the Lease 'slipway' in the operator's own namespace; false where there is never a second operator.",
        DefaultValueFactory = _ => true,
    };

    private static readonly Option<int> HttpPort = new("--http-port") { Description = "Port of /healthz, /readyz and /metrics.", DefaultValueFactory = _ => 8080 };

    private static readonly Option<Uri?> OtlpEndpoint = Address("--otlp-endpoint", "Where a trace of each build goes, by OTLP over HTTP: http://collector.observability:4318. Default: nowhere.");

    private static readonly Option<string?> Kubeconfig = new("--kubeconfig") { Description = "For an operator outside the cluster. Default: the pod's service account." };

    public static Command Create()
    {
        var command = new Command("operator", "Reconcile BuilderPools and ImageBuilds.")
        {
            Namespace, RunnerImage, BuildkitImage, JobNodeSelector, UnschedulableAfter, NotStartedAfter, ServerCertificateLifetime, LeaderElect, HttpPort, OtlpEndpoint, Kubeconfig,
        };
        command.SetAction((parsed, cancellationToken) => OperatorHost.RunAsync(Settings(parsed), cancellationToken));
        return command;
    }

    private static OperatorSettings Settings(ParseResult parsed) => new()
    {
        Kubeconfig = parsed.GetValue(Kubeconfig),
        HttpPort = parsed.GetValue(HttpPort),
        LeaderElection = parsed.GetValue(LeaderElect)
            ? new LeaderElectionOptions { Lease = new NamespacedName(parsed.GetRequiredValue(Namespace), "slipway") }
            : null,
        Traces = parsed.GetValue(OtlpEndpoint) is { } endpoint ? OtlpOptions.Read(endpoint, Environment.GetEnvironmentVariable) : null,
        Pki = new PkiOptions { OperatorNamespace = parsed.GetRequiredValue(Namespace) },
        Pools = new PoolOptions
        {
            DefaultImage = parsed.GetRequiredValue(BuildkitImage),
            ServerCertificateLifetime = parsed.GetValue(ServerCertificateLifetime),
        },
        Builds = new BuildOptions
        {
            Jobs = new JobOptions
            {
                RunnerImage = parsed.GetRequiredValue(RunnerImage),
                NodeSelector = parsed.GetRequiredValue(JobNodeSelector).Select(pair => pair.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]),
            },
            UnschedulableAfter = parsed.GetValue(UnschedulableAfter),
            NotStartedAfter = parsed.GetValue(NotStartedAfter),
        },
    };

    private static Option<string[]> Labels(string name, string description)
    {
        var option = new Option<string[]>(name) { Description = description, DefaultValueFactory = _ => [] };
        option.Validators.Add(result =>
        {
            foreach (var token in result.Tokens.Where(token => token.Value.IndexOf('=', StringComparison.Ordinal) < 1))
                result.AddError($"{name}: '{token.Value}' is no label=value.");
            foreach (var twice in result.Tokens.GroupBy(token => token.Value.Split('=')[0]).Where(label => label.Count() > 1))
                result.AddError($"{name}: label '{twice.Key}' is given more than once.");
        });
        return option;
    }

    private static Option<Uri?> Address(string name, string description)
    {
        var option = new Option<Uri?>(name) { Description = description };
        option.CustomParser = argument =>
        {
            var text = argument.Tokens[0].Value;
            if (Uri.TryCreate(text, UriKind.Absolute, out var address) && address is { Scheme: "http" or "https", UserInfo: "", Query: "", Fragment: "" }) return address;
            // What was given may hold a password.
            argument.AddError($"{name}: must be http://host:port or https://host:port, without user name, password and query. Credentials go into {OtlpOptions.HeadersVariable}.");
            return null;
        };
        return option;
    }

    private static Option<TimeSpan> Duration(string name, string description, TimeSpan defaultValue, TimeSpan shortest = default)
    {
        var option = new Option<TimeSpan>(name) { Description = $"{description} Such as 90s or 5m.", DefaultValueFactory = _ => defaultValue };
        option.CustomParser = argument =>
        {
            var text = argument.Tokens[0].Value;
            if (!Api.GoDuration.TryParse(text, out var duration)) argument.AddError($"{name}: '{text}' is no duration; write 90s or 5m.");
            else if (duration < shortest) argument.AddError($"{name}: must be at least {Api.GoDuration.Format(shortest)}.");
            return duration;
        };
        return option;
    }
}
