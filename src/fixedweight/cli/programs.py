"""What commands have compiled is kept: the same command starts at once the next time."""

import hashlib

LEAST_SECONDS = 0.2
"""What compiles faster is compiled again."""


def keep_programs(name: str = "programs") -> None:
    """Have JAX keep its compiled programs in the user's cache, unless it was told where to.

    Args:
        name: of the folder there. Processes that compile at once have one each: none waits for
            another to have written a program whole.
    """
    import jax

    from fixedweight.kernels.build import cache_folder, processor

    if jax.config.values["jax_compilation_cache_dir"] is None:
        # such a program is for one processor; a home may be shared by several
        digest = hashlib.sha256(processor().encode()).hexdigest()[:16]
        jax.config.update("jax_compilation_cache_dir", str(cache_folder() / f"{name}-{digest}"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", LEAST_SECONDS)
