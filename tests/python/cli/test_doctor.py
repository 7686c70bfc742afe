from __future__ import annotations

from pyserver.cli.doctor import cpu_description

X86 = "processor\t: 0\nmodel name\t: Some CPU @ 2GHz\nflags\t\t: fpu avx2 fma avx512_vnni\n\nflags\t: none\n"
ARM = "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd i8mm bf16\n"


def test_the_cpu_and_its_features_are_read_from_cpuinfo() -> None:
    assert cpu_description(X86) == ("Some CPU @ 2GHz", ["avx2", "fma", "avx512_vnni"])
    assert cpu_description(ARM) == ("", ["asimd", "bf16", "i8mm"])
    assert cpu_description("") == ("", [])
