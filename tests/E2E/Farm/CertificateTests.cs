using System.Globalization;

namespace Slipway.Tests.E2E.Farm;

/// <summary>Certificates that end while builds go on. The operator itself is changed for it, so no test of the farm runs beside.</summary>
public sealed class CertificateTests(ClusterFixture fixture)
{
    [Fact]
    public async Task Certificates_AtALifetimeOfTwoMinutes_RotateDuringBuilds()
    {
        await using var evidence = new Evidence(nameof(Certificates_AtALifetimeOfTwoMinutes_RotateDuringBuilds));
        await Shared.JoinAsync(Use.HasAlone);
        await fixture.ReinstallAsync("serverCertificateLifetime=2m");
        try
        {
            await using var farm = await TestFarm.StartAsync(fixture, TestFarm.Platform(fixture.Cluster.Platforms[0], builders: 2, slots: 1));
            var serials = new HashSet<string>();
            var lines = new List<string>();
            // Past the end of the first; under load the builders are rolled late, and builds wait for them.
            var began = TimeProvider.System.GetTimestamp();
            var (least, most) = Sample.TakesAll ? (TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(12)) : (TimeSpan.FromSeconds(130), TimeSpan.FromMinutes(5));
            var wanted = Sample.TakesAll ? 6 : 2;
            for (var number = 1; TimeProvider.System.GetElapsedTime(began) is var passed && (passed < least || (serials.Count < wanted && passed < most)); number++)
            {
                var name = string.Create(CultureInfo.InvariantCulture, $"build-{number:000}");
                await farm.CreateAsync(farm.Sleeping(name, 5));
                await farm.SucceedsAsync(name);
                foreach (var pod in farm.Builders.Lives().Where(life => Watched.IsReady(life.Pod)).Select(life => life.Pod))
                {
                    using var certificate = await ServedCertificate.ReadAsync(pod);
                    if (certificate is not null && serials.Add(certificate.SerialNumber)) lines.Add(ServedCertificate.Line(pod, certificate));
                }
            }

            evidence.Add("the builders' TLS handshakes", lines);
            evidence.Add("the API server's watch of the builders", farm.Builders.Lines());
            evidence.Add("the API server's watch of the build Jobs", farm.Jobs.Lines());
            var pods = farm.Builders.Lives();
            // Another one at each two thirds of two minutes, and none of the first is left when that ends.
            serials.Count.ShouldBeGreaterThanOrEqualTo(wanted);
            farm.Jobs.Lives().ShouldAllBe(job => job.Succeeded && !pods.Any(pod => pod.Uid == job.BuilderUid && pod.DeletionAsked != null && job.IsLiveAt(pod.DeletionAsked.Value)));
        }
        finally
        {
            await fixture.ReinstallAsync();
        }
    }
}
