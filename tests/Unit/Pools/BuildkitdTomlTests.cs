using CsCheck;
using Slipway.Api;
using Slipway.Pools;
using Tomlyn;
using Tomlyn.Model;

namespace Slipway.Tests.Unit.Pools;

public class BuildkitdTomlTests
{
    public static TheoryData<string> Cases => [.. GoldenFiles.Cases("buildkitd-toml")];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Toml_WhenRendered_IsAsInTheGoldenFile(string name)
    {
        var pool = GoldenFiles.Pool($"buildkitd-toml/{name}/pool.yaml");

        GoldenFiles.Check($"buildkitd-toml/{name}/buildkitd.toml", Toml(pool));
    }

    [Fact]
    public void Toml_WhenVersionIsOld_HasOldAndNewGcKeys()
    {
        var policies = Policies(Parsed("moby/buildkit:v0.13.0-rootless"));

        policies.ShouldNotBeEmpty();
        foreach (var policy in policies) policy.Keys.ShouldBe(["keepBytes", "reservedSpace", "maxUsedSpace", "minFreeSpace"], ignoreOrder: true);
    }

    [Fact]
    public void Toml_WhenVersionIsNew_NeverLeavesKeepBytesToBecomeTheFloor()
    {
        // keepBytes is read as reservedSpace where that is missing: the cache would never shrink below its own ceiling.
        foreach (var policy in Policies(Parsed("moby/buildkit:v0.32.2-rootless")))
        {
            Mebibytes(policy, "reservedSpace").ShouldBePositive();
            Mebibytes(policy, "reservedSpace").ShouldBeLessThanOrEqualTo(Mebibytes(policy, "maxUsedSpace"));
        }
    }

    [Fact]
    public void Toml_WhenRendered_EndsWithACeilingThatNoAgeHoldsUp()
    {
        var last = ((TomlTableArray)Worker(Parsed(null))["gcpolicy"])[^1];

        last["all"].ShouldBe(true);
        last.ContainsKey("keepDuration").ShouldBeFalse();
        last["maxUsedSpace"].ShouldBe("12288MiB", "60 % of the emptyDir's 20Gi");
    }

    [Fact]
    public void Toml_WhenRendered_FiltersAreAlternatives()
    {
        var first = ((TomlTableArray)Worker(Parsed(null))["gcpolicy"])[0];

        ((TomlArray)first["filters"]).ShouldAllBe(filter => !((string)filter!).Contains(','));
    }

    [Fact]
    public void Toml_WhenVersionKnowsNoFrontendTables_SaysNothingOfThem()
    {
        Parsed("moby/buildkit:v0.13.0-rootless").ContainsKey("frontend").ShouldBeFalse();
        Parsed("moby/buildkit@sha256:" + new string('a', 64)).ContainsKey("frontend").ShouldBeTrue();
    }

    [Fact]
    public void Toml_WhenPoolNamesNoFrontends_AllowsTheDockerfileFrontendAlone()
    {
        var gateway = (TomlTable)((TomlTable)Parsed(null)["frontend"])["gateway.v0"];

        ((TomlArray)gateway["allowedRepositories"]).ShouldHaveSingleItem().ShouldBe("docker.io/docker/dockerfile");
    }

    [Fact]
    public void Toml_WhenRegistryIsPlainHttpAndInsecure_SaysHttpOnly()
    {
        var pool = PoolWorld.Pool();
        pool = pool with { Spec = pool.Spec with { Registries = [new PoolRegistry { Host = "r:5000", PlainHttp = true, InsecureSkipVerify = true }] } };

        var registry = (TomlTable)((TomlTable)Parse(Toml(pool))["registry"])["r:5000"];

        registry.Keys.ShouldBe(["http"]);
    }

    [Fact]
    public void Toml_WhenRendered_GrantsNoEntitlementAndTakesClientsWithCertificatesOnly()
    {
        var toml = Parsed(null);

        toml.ContainsKey("insecure-entitlements").ShouldBeFalse();
        ((TomlTable)((TomlTable)toml["grpc"])["tls"]).Keys.ShouldBe(["cert", "key", "ca"], ignoreOrder: true);
        ((TomlArray)Worker(toml)["platforms"]).ShouldHaveSingleItem().ShouldBe("linux/amd64");
    }

    [Fact]
    public void Toml_WhenAHostTriesToBreakOut_StaysAString()
    {
        Gen.String.Sample(host =>
        {
            var pool = PoolWorld.Pool();
            pool = pool with { Spec = pool.Spec with { Registries = [new PoolRegistry { Host = "x" + host, Mirrors = [host] }] } };
            var registries = (TomlTable)Parse(Toml(pool))["registry"];

            var expected = string.Concat(("x" + host).EnumerateRunes());
            registries.Keys.ShouldHaveSingleItem().ShouldBe(expected);
        }, iter: 300);
    }

    private static string Toml(V1Alpha1BuilderPool pool) =>
        PoolObjects.ConfigMap(pool, pool.Spec.Platforms[0], new PoolOptions()).Data[BuilderPaths.ConfigFile];

    private static TomlTable Parsed(string? image)
    {
        var pool = PoolWorld.Pool();
        return Parse(Toml(pool with { Spec = pool.Spec with { Image = image } }));
    }

    private static TomlTable Parse(string toml) => TomlSerializer.Deserialize<TomlTable>(toml)!;

    private static TomlTable Worker(TomlTable toml) => (TomlTable)((TomlTable)toml["worker"])["oci"];

    private static List<Dictionary<string, object>> Policies(TomlTable toml) =>
        [.. ((TomlTableArray)Worker(toml)["gcpolicy"]).Select(policy => policy.Where(item => item.Key.EndsWith("Space", StringComparison.Ordinal) || item.Key == "keepBytes")
            .ToDictionary(item => item.Key, item => item.Value))];

    private static long Mebibytes(Dictionary<string, object> policy, string key) =>
        long.Parse(((string)policy[key])[..^3], System.Globalization.CultureInfo.InvariantCulture);
}
