"""Real networks: where they come from, and at which input. Nothing is downloaded."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import torch

Network = tuple[Callable[[], torch.nn.Module], Any]

TORCHVISION_SIZES: Mapping[str, int] = {"vit_": 224, "maxvit_": 224}
"""Input sizes that a network insists on; others take 96."""
HUGE = ("vit_h_14", "regnet_y_128gf")
"""Networks whose kernel alone has more than two gigabytes."""


def torchvision_networks() -> dict[str, Network]:
    """All 80 networks of torchvision for classification."""
    models = importlib.import_module("torchvision.models")

    def network(name: str) -> Network:
        size = next((size for start, size in TORCHVISION_SIZES.items() if name.startswith(start)), 96)
        return (lambda: models.get_model(name)), (torch.randn(1, 3, size, size),)

    return {name: network(name) for name in models.list_models(module=models)}


# fmt: off
TIMM = (
    *("test_vit3", "test_byobnet", "test_convnext", "test_convnext2", "test_convnext3"),
    *("test_efficientnet", "test_efficientnet_ln", "test_efficientnet_gn", "test_efficientnet_evos"),
    *("test_mambaout", "test_resnet", "test_vit_relpos", "lcnet_035", "mobilenetv3_small_050"),
    *("tinynet_e", "mobilenetv2_035", "ghostnet_050", "ghostnetv2_100", "repghostnet_050"),
    *("efficientvit_m0", "efficientvit_b0", "mobilevit_xxs", "mobilevitv2_050", "edgenext_xx_small"),
    *("convnext_atto", "convnextv2_atto", "deit_tiny_patch16_224", "vit_tiny_patch16_224"),
    *("xcit_nano_12_p16_224", "regnetx_002", "regnety_002", "dla46_c", "pit_ti_224", "levit_128s"),
    *("levit_conv_128s", "coat_lite_tiny", "fasternet_t0", "starnet_s1", "shvit_s1", "swiftformer_xs"),
    *("efficientformerv2_s0", "repvit_m0_9", "rexnet_100", "mnasnet_small", "semnasnet_075"),
    *("spnasnet_100", "hardcorenas_a", "fbnetc_100", "efficientnet_lite0", "mixnet_s", "resnet10t"),
    *("resnet14t", "resnet18d", "legacy_seresnet18", "skresnet18", "seresnet18", "hrnet_w18_small"),
    *("selecsls42", "ese_vovnet19b_dw", "vovnet39a", "tf_efficientnet_b0"),
    *("tf_mobilenetv3_small_minimal_100", "pvt_v2_b0", "poolformer_s12", "mambaout_femto"),
    *("inception_next_atto", "tiny_vit_5m_224", "crossvit_tiny_240", "convit_tiny", "gmlp_ti16_224"),
    *("visformer_tiny", "eva02_tiny_patch14_224", "hgnetv2_b0", "resmlp_12_224", "mixer_s32_224"),
    *("cait_xxs24_224", "cs3darknet_focus_s", "cspresnet50", "densenet121", "nest_tiny", "resnetv2_18"),
    *("gernet_s", "repvgg_a0", "mobileone_s0", "eca_resnext26ts", "botnet26t_256", "twins_svt_small"),
    *("sequencer2d_s", "swin_tiny_patch4_window7_224", "res2net50_14w_8s", "resnest14d"),
)
# fmt: on
"""Small networks of timm, of as many families as it has."""


def timm_networks() -> dict[str, Network]:
    """The networks of `TIMM`, at their own size where it is fixed, else at 128."""
    timm = importlib.import_module("timm")

    def network(name: str) -> Network:
        config = timm.get_pretrained_cfg(name, allow_unregistered=True)
        own = config.fixed_input_size or any(size in name for size in ("224", "240", "256", "test_"))
        shape = config.input_size if own else (3, 128, 128)
        return (lambda: timm.create_model(name)), (torch.randn(1, *shape),)

    return {name: network(name) for name in TIMM}


TEXT = {
    "vocab_size": 100,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
DECODER = {**TEXT, "use_cache": False}
GROUPED = {**DECODER, "num_key_value_heads": 2}
PICTURE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "image_size": 32,
    "patch_size": 8,
}
STAGES = {"hidden_sizes": [8, 16, 32, 64], "depths": [1, 1, 2, 1]}
ENDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "use_cache": False}
GPT = {"vocab_size": 100, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, **ENDS}
FALCON = {"vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, **ENDS}

TRANSFORMERS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "bert": ("BertModel", "BertConfig", TEXT),
    "bert masked lm": ("BertForMaskedLM", "BertConfig", TEXT),
    "roberta": ("RobertaModel", "RobertaConfig", TEXT),
    "xlm-roberta": ("XLMRobertaModel", "XLMRobertaConfig", TEXT),
    "distilbert": (
        "DistilBertModel",
        "DistilBertConfig",
        {"vocab_size": 100, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64},
    ),
    "electra": ("ElectraModel", "ElectraConfig", {**TEXT, "embedding_size": 32}),
    "albert": ("AlbertModel", "AlbertConfig", {**TEXT, "embedding_size": 16}),
    "mpnet": ("MPNetModel", "MPNetConfig", TEXT),
    "deberta-v2": ("DebertaV2Model", "DebertaV2Config", TEXT),
    "squeezebert": (
        "SqueezeBertModel",
        "SqueezeBertConfig",
        {**TEXT, "embedding_size": 32, "q_groups": 2, "k_groups": 2, "v_groups": 2},
    ),
    "gpt2": ("GPT2LMHeadModel", "GPT2Config", GPT),
    "gpt-j": ("GPTJForCausalLM", "GPTJConfig", {**GPT, "rotary_dim": 4}),
    "gpt-neo": (
        "GPTNeoForCausalLM",
        "GPTNeoConfig",
        {
            "vocab_size": 100,
            "hidden_size": 32,
            "num_layers": 2,
            "num_heads": 4,
            "attention_types": [[["global", "local"], 1]],
            "max_position_embeddings": 64,
            **ENDS,
        },
    ),
    "gpt-neox": ("GPTNeoXForCausalLM", "GPTNeoXConfig", DECODER),
    "llama": ("LlamaForCausalLM", "LlamaConfig", GROUPED),
    "mistral": ("MistralForCausalLM", "MistralConfig", GROUPED),
    "qwen2": ("Qwen2ForCausalLM", "Qwen2Config", GROUPED),
    "qwen3": ("Qwen3ForCausalLM", "Qwen3Config", {**GROUPED, "head_dim": 8}),
    "gemma": ("GemmaForCausalLM", "GemmaConfig", {**GROUPED, "head_dim": 8}),
    "gemma2": ("Gemma2ForCausalLM", "Gemma2Config", {**GROUPED, "head_dim": 8}),
    "phi": ("PhiForCausalLM", "PhiConfig", DECODER),
    "phi3": ("Phi3ForCausalLM", "Phi3Config", GROUPED),
    "stablelm": ("StableLmForCausalLM", "StableLmConfig", GROUPED),
    "olmo": ("OlmoForCausalLM", "OlmoConfig", DECODER),
    "falcon": ("FalconForCausalLM", "FalconConfig", FALCON),
    "bloom": (
        "BloomForCausalLM",
        "BloomConfig",
        {"vocab_size": 100, "hidden_size": 32, "n_layer": 2, "n_head": 4, **ENDS},
    ),
    "opt": (
        "OPTForCausalLM",
        "OPTConfig",
        {**FALCON, "ffn_dim": 64, "word_embed_proj_dim": 32, "max_position_embeddings": 64},
    ),
    "t5 encoder": (
        "T5EncoderModel",
        "T5Config",
        {"vocab_size": 100, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, **ENDS},
    ),
    "clip text": ("CLIPTextModel", "CLIPTextConfig", TEXT),
    "clip vision": ("CLIPVisionModel", "CLIPVisionConfig", PICTURE),
    "siglip vision": ("SiglipVisionModel", "SiglipVisionConfig", PICTURE),
    "vit": ("ViTModel", "ViTConfig", PICTURE),
    "deit": ("DeiTModel", "DeiTConfig", PICTURE),
    "beit": ("BeitModel", "BeitConfig", PICTURE),
    "dinov2": ("Dinov2Model", "Dinov2Config", {k: v for k, v in PICTURE.items() if k != "intermediate_size"}),
    "convnext": ("ConvNextModel", "ConvNextConfig", STAGES),
    "convnext-v2": ("ConvNextV2Model", "ConvNextV2Config", STAGES),
    "resnet": ("ResNetModel", "ResNetConfig", {**STAGES, "embedding_size": 8}),
    "segformer": (
        "SegformerModel",
        "SegformerConfig",
        {"hidden_sizes": [8, 16, 32, 64], "depths": [1, 1, 1, 1]},
    ),
    "swin": (
        "SwinModel",
        "SwinConfig",
        {
            "image_size": 32,
            "patch_size": 2,
            "embed_dim": 16,
            "depths": [2, 2],
            "num_heads": [2, 4],
            "window_size": 4,
        },
    ),
}
PICTURES = ("vision", "vit", "deit", "beit", "dinov2", "convnext", "resnet", "segformer", "swin")
IDS = torch.randint(3, 100, (2, 16), generator=torch.Generator().manual_seed(0))


def transformers_networks() -> dict[str, Network]:
    """Small configurations of networks of transformers; bert also with a mask that hides something."""
    library = importlib.import_module("transformers")
    library.logging.set_verbosity_error()

    def network(name: str) -> Network:
        kind, config, settings = TRANSFORMERS[name]
        pictures = any(word in name for word in PICTURES)
        inputs = (torch.randn(2, 3, 32, 32),) if pictures else (IDS,)
        return (lambda: getattr(library, kind)(getattr(library, config)(**settings))), inputs

    found = {name: network(name) for name in TRANSFORMERS}
    mask = torch.ones(2, 16, dtype=torch.int64)
    mask[:, 12:] = 0
    found["bert with a mask"] = (found["bert"][0], {"input_ids": IDS, "attention_mask": mask})
    return found


SLICE: Mapping[str, Callable[[], Network]] = {
    "torchvision resnet18": lambda: torchvision_networks()["resnet18"],
    "torchvision mobilenet_v3_small": lambda: torchvision_networks()["mobilenet_v3_small"],
    "timm test_vit_relpos": lambda: timm_networks()["test_vit_relpos"],
    "transformers vit": lambda: transformers_networks()["vit"],
    "transformers bert with a mask": lambda: transformers_networks()["bert with a mask"],
    "transformers llama": lambda: transformers_networks()["llama"],
}
"""What runs in CI."""
