/** Chat templates that need no model file, as Jinja source. They spell the markers as the models' own templates do. */

export const BUILT_IN_TEMPLATES = {
  /** The template of Qwen and of the micro pair. */
  chatml: [
    "{%- for message in messages -%}",
    "{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}",
    "{%- endfor -%}",
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}",
  ].join("\n"),

  /** DeepSeek-R1 and its distillations: the assistant's turn opens with `<think>`. */
  "deepseek-r1": [
    "{{ '<｜begin▁of▁sentence｜>' }}",
    "{%- for message in messages if message.role == 'system' -%}{{ message.content }}{%- endfor -%}",
    "{%- for message in messages -%}",
    "{%- if message.role == 'user' -%}{{ '<｜User｜>' + message.content }}",
    "{%- elif message.role == 'assistant' -%}{{ '<｜Assistant｜>' + message.content + '<｜end▁of▁sentence｜>' }}",
    "{%- endif -%}",
    "{%- endfor -%}",
    "{%- if add_generation_prompt -%}{{ '<｜Assistant｜><think>\\n' }}{%- endif -%}",
  ].join("\n"),

  /** Llama 3, 3.1 and 3.3, without tools and without the date that some of their templates add. */
  llama3: [
    "{{ '<|begin_of_text|>' }}",
    "{%- for message in messages -%}",
    "{{ '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' + (message.content | trim) + '<|eot_id|>' }}",
    "{%- endfor -%}",
    "{%- if add_generation_prompt -%}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif -%}",
  ].join("\n"),

  /** The messages with a blank line after each, for base models. */
  plain: "{%- for message in messages -%}{{ message.content + '\\n\\n' }}{%- endfor -%}",
} as const;
