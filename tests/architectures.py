"""The architectures that tests build, each with the options of a tiny config of its own.

Windows are 6 tokens wide, narrower than the tests' sequences, on some blocks or on all, as the architecture has it.
"""

DEPTH = 4

SIZES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": DEPTH,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
}
GPT_SIZES = {"n_embd": 32, "n_layer": DEPTH, "n_head": 4, "n_positions": 128}
WINDOW = {"sliding_window": 6}
ALTERNATING = {"layer_types": ["sliding_attention", "full_attention"] * 2}
EXPERTS = {"num_experts_per_tok": 2, "moe_intermediate_size": 32, "num_experts": 4}
NO_BLOCK_INPUTS = {"hidden_size_per_layer_input": 0}
CONVOLUTIONS = {"layer_types": ["conv", "full_attention"] * 2}
LINEAR = {
    "layer_types": ["linear_attention", "full_attention"] * 2,
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
}

LISTED = {
    "llama": SIZES,
    "qwen2": SIZES,
    "qwen3": {**SIZES, "head_dim": 8},
    "gemma2": {**SIZES, **WINDOW, "head_dim": 8, "query_pre_attn_scalar": 8},
    "gemma3_text": {**SIZES, **WINDOW, **ALTERNATING, "head_dim": 8, "query_pre_attn_scalar": 8},
    "mistral": {**SIZES, **WINDOW},
    "phi3": {**SIZES, **WINDOW},
    "olmo2": SIZES,
    "gpt_oss": {**SIZES, **WINDOW, "head_dim": 8, "num_local_experts": 4, "num_experts_per_tok": 2},
    "gpt2": GPT_SIZES,
    "gpt_neox": SIZES,
}
"""Those that topgraft names as tried."""

EAGER_ONLY = ("gemma2", "gpt_oss")
"""Soft-capped scores and attention sinks, for which the library has no sdpa."""

OTHERS = {
    "stablelm": SIZES,
    "starcoder2": {**SIZES, **WINDOW},
    "cohere2": {**SIZES, **WINDOW, **ALTERNATING, "logit_scale": 1.0},
    "granite": {**SIZES, "embedding_multiplier": 12.0, "logits_scaling": 0.5},  # scales what the first block gets
    "falcon": SIZES,
    "phi": SIZES,
    "mpt": {"d_model": 32, "n_layers": DEPTH, "n_heads": 4, "max_seq_len": 128, "expansion_ratio": 2},
    "bloom": {"hidden_size": 32, "n_layer": DEPTH, "n_head": 4},  # a norm in front of the first block
    "xglm": {"d_model": 32, "ffn_dim": 64, "num_layers": DEPTH, "attention_heads": 4},  # fixed position embeddings
    "gemma4_text": {**SIZES, **WINDOW, **ALTERNATING, "head_dim": 8, "global_head_dim": 8, **NO_BLOCK_INPUTS},
    "qwen3_moe": {**SIZES, **EXPERTS},
    "lfm2": {**SIZES, **CONVOLUTIONS},
    "qwen3_5_text": {**SIZES, **LINEAR, "head_dim": 8},
}
"""Some that nobody listed."""

TARGETS = {
    "phi3": ("qkv_proj", "gate_up_proj"),
    "gpt_neox": ("query_key_value", "dense_4h_to_h"),
    "gpt_oss": ("q_proj", "v_proj"),
    "starcoder2": ("q_proj", "c_proj"),
    "falcon": ("query_key_value", "dense_4h_to_h"),
    "phi": ("q_proj", "fc2"),
    "mpt": ("Wqkv", "down_proj"),
    "bloom": ("query_key_value", "dense_4h_to_h"),
    "xglm": ("q_proj", "fc2"),
    "qwen3_moe": ("q_proj", "v_proj"),
    "lfm2": ("in_proj", "w2"),
    "qwen3_5_text": ("in_proj_qkv", "down_proj"),
}
"""Linear modules to adapt where the default names are not the architecture's. Fused experts are no linear modules."""
